"""The watch over the log: decisions not drawn as they say freeze the loop and end a ramp; unfrozen, all begins anew."""

import msgspec
import numpy as np
import pytest

from blind_shop import begin, join, lived_through, shop_of
from policyloop.core.event import Decision
from policyloop.core.wire import OutcomeRequest
from policyloop.gate.logcheck import FEWEST
from policyloop.gate.ramp import State
from policyloop.ingest.outcomes import outcome
from policyloop.join.history import examples_of
from policyloop.run import log_check
from policyloop.run.challenges import challenging, gate_state
from policyloop.run.looks import look
from policyloop.run.refresh import refresh
from policyloop.run.watches import log_watch
from shop import swap_onto


class Greedy:
    """A log in which the most probable action is always taken, while a draw is written down."""

    def __init__(self, log):
        self._log = log

    def append(self, event):
        if not isinstance(event, Decision):
            return self._log.append(event)
        best = int(np.argmax(event.probabilities()))
        return self._log.append(msgspec.structs.replace(event, action=[best], propensity=event.probabilities()[best]))


@pytest.fixture
def blind(deployment):
    shop = shop_of(deployment)
    yield shop
    shop.log.close()


def lie(shop, *, n, rounds):
    """Visitors of a server that lies; what the looks did."""
    honest, shop.swap = shop.swap, swap_onto(Greedy(shop.log), shop.deployment)
    done = []
    for _ in range(rounds):
        shop.visit(n)
        join(shop.deployment)
        done += [looked.sentence for looked in look(shop.deployment, "shop")]
        if done:
            break
    shop.swap = honest
    return done


def unfreeze(deployment):
    log_check.begin_again(deployment, "shop")
    deployment.registry.unfreeze("shop")


def test_a_true_log_is_believed_and_says_of_how_many_decisions(blind, deployment):
    blind.visit(300)
    join(deployment)

    found = log_watch.check_log(deployment, "shop")

    assert (found.is_alarm, found.n) == (False, 300)
    assert not deployment.registry.standing("shop").row.is_frozen


def test_actions_that_were_not_drawn_freeze_promotions_and_say_so(blind, deployment):
    done = lie(blind, n=200, rounds=4)

    assert done[0].startswith("promotions were frozen. The logged probabilities are not those that were drawn from")
    assert deployment.registry.standing("shop").row.is_frozen
    assert "log-propensities" in [alarm.name for alarm in gate_state.gate_state(deployment, "shop").alarms]
    champion = deployment.registry.standing("shop").champion
    refresh(deployment, "shop")
    assert deployment.registry.standing("shop").champion == champion


def test_an_alarm_takes_a_challenge_out_of_the_traffic_and_what_it_had_shown_counts_no_more(blind, deployment):
    begin(deployment)
    lived_through(blind, n=250, rounds=8, until=State.CANARY)
    blind.visit(100)
    join(deployment)
    look(deployment, "shop")
    assert challenging.carried_account(deployment, deployment.registry.challenges.open("shop")).evidence.n == 100

    done = lie(blind, n=200, rounds=4)

    row = deployment.registry.challenges.open("shop")
    blind.swap.look()
    assert row.state == State.LOG_CHECK
    assert any("CANARY -> LOG-CHECK. The logged probabilities are not those" in said for said in done)
    assert challenging.carried_account(deployment, row) is None
    assert blind.swap.find("shop").live.traffic is None


def test_while_it_is_frozen_a_challenge_stays_in_the_log_check(blind, deployment):
    begin(deployment)
    lived_through(blind, n=250, rounds=8, until=State.CANARY)
    lie(blind, n=200, rounds=4)

    states = lived_through(blind, n=250, rounds=4)

    assert states == [State.LOG_CHECK]


def test_unfrozen_the_check_and_the_evidence_begin_anew_and_the_challenge_goes_on(blind, deployment):
    begin(deployment)
    lived_through(blind, n=250, rounds=8, until=State.CANARY)
    lie(blind, n=200, rounds=4)

    unfreeze(deployment)
    since = deployment.clock.now_us()
    waits = gate_state.gate_state(deployment, "shop").challenge.reasons
    states = lived_through(blind, n=250, rounds=8, until=State.CANARY)
    blind.visit(150)
    join(deployment)
    look(deployment, "shop")

    standing, row = deployment.registry.standing("shop"), deployment.registry.challenges.open("shop")
    carried = challenging.carried_account(deployment, row)
    anew = challenging.account_anew(deployment, standing, row, challenging.spec_of(standing, row), like=carried)
    examples, _ = examples_of(deployment.lake, deployment.registry, standing.spec, since=since)
    assert waits[-1].sentence == f"The log check has seen 0 settled decisions; {FEWEST} are needed."
    assert states == [State.LOG_CHECK, State.SHADOW, State.CANARY]
    assert carried.evidence.n == (examples.trial.state == "canary").sum() == 150
    assert (anew.evidence.n, anew.n_served, anew.margins["$errors"].n) == (150, 150, 400)
    assert anew.evidence.total == pytest.approx(carried.evidence.total, rel=1e-12)
    assert anew.evidence.e_better == pytest.approx(carried.evidence.e_better, rel=1e-12)


def test_what_the_joins_had_counted_before_a_person_unfroze_is_not_held_against_the_loop_again(blind, deployment):
    spec = deployment.registry.standing("shop").spec
    for _ in range(60):
        do_otherwise(blind, blind.decide())
    blind.log.roll()
    join(deployment)
    first = log_watch.check_log(deployment, "shop")

    unfreeze(deployment)
    blind.visit(50)
    join(deployment)
    second = log_watch.check_log(deployment, "shop")

    assert [alarm.name for alarm in first.alarms] == ["log-executed"]
    assert second.alarms == ()
    assert log_watch.remembered(deployment, spec).alarms == ()


def do_otherwise(shop, decided):
    """Another action is carried out than was decided."""
    other = {"calm": "bold", "bold": "calm"}[decided.answer.action]
    request = OutcomeRequest(decision_id=decided.answer.decision_id, outcomes={"clicked": True}, executed=other, final=True)
    checks = shop.swap.find("shop").checks
    shop.log.append(outcome(request, checks, received_at=shop.deployment.clock.now_us()).event)


def test_a_model_is_asked_of_decisions_since_it_went_live_alone(blind, deployment):
    blind.visit(60)
    join(deployment)
    refresh(deployment, "shop")
    blind.visit(40)
    join(deployment)
    standing = deployment.registry.standing("shop")
    examples, _ = examples_of(deployment.lake, deployment.registry, standing.spec)

    others = log_watch.others_of(deployment, standing.spec, examples)

    is_since = examples.decided_at > deployment.registry.champion_since("shop")
    assert is_since.sum() == 40
    assert sorted(others) == ["baseline", "champion", "previous"]
    for role in ("champion", "previous"):
        assert (np.isfinite(others[role]).all(axis=1) == is_since).all()
    assert np.isfinite(others["baseline"]).all()
