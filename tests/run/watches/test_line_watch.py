"""The watch over a line: worse than the baseline, it goes back to its anchor in one write and says why."""

import pytest

from blind_shop import begin, join, lived_through, shop_of
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import ActivateRequest, DecideRequest, OutcomeRequest
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.ingest.outcomes import activation, outcome
from policyloop.run.refresh import refresh
from policyloop.run.watches import line_watch
from policyloop.run.watches.trusted import trusted
from shop import SHOP, Shop

LIKED_NOW = {"phone": "bold", "desktop": "calm"}  # people have changed their minds: whatever was learned is wrong


def have_turned(device, action):
    return LIKED_NOW[device] == action


@pytest.fixture
def held(deployment):
    """A shop with a hold-out; its first model is live, and so the anchor."""
    deployment.registry.apply(read_spec({**SHOP, "gate": {"hold_out": 0.3}}))
    shop = Shop(deployment)
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    yield shop
    shop.log.close()


def visited(shop, *, rounds, n=200, **visiting):
    """Visitors come and the line is looked at; what it did, in sentences."""
    done = []
    for _ in range(rounds):
        shop.visit(n, **visiting)
        join(shop.deployment)
        done += [said for said in [line_watch.look(shop.deployment, "shop")] if said is not None]
        if done:
            break
    return done


def test_a_line_that_became_worse_goes_back_to_its_anchor_in_one_write_and_says_why(held, deployment):
    registry = deployment.registry
    anchor = registry.standing("shop").champion
    held.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    champion = registry.standing("shop").champion

    version = registry.version()
    done = visited(held, rounds=12, clicks=have_turned)

    standing, last = registry.standing("shop"), registry.verdicts("shop")[0].verdict
    assert champion != anchor
    assert (standing.champion, standing.row.anchor) == (anchor, anchor)
    assert registry.version() == version + 1
    assert (last.kind, last.call, last.model, last.champion) == ("hold-out", Call.ROLLBACK, champion, anchor)
    assert done[0].startswith(f"model {champion[:12]} was rolled back to {anchor[:12]}. The line earns -0.")
    assert "a decision beside the baseline in" in last.sentence
    assert last.n_evidence == last.reasons[0].numbers["n"] > 100
    assert line_watch.reason_now(deployment, "shop") is None  # of the line that is live now nothing is known yet


def test_where_the_anchor_itself_is_at_fault_the_baseline_decides(held, deployment):
    anchor = deployment.registry.standing("shop").champion

    done = visited(held, rounds=12, clicks=have_turned)

    assert deployment.registry.standing("shop").champion is None
    assert done[0].startswith(f"model {anchor[:12]} was rolled back to the baseline. ")


def test_a_line_that_earns_more_stays_and_tells_what_it_earns(held, deployment):
    champion = deployment.registry.standing("shop").champion

    done = visited(held, rounds=5)

    reason = line_watch.reason_now(deployment, "shop")
    assert done == []
    assert deployment.registry.standing("shop").champion == champion
    assert reason.numbers["difference"] > 0.2
    assert reason.sentence.endswith("no harm is proven.")
    assert reason.numbers["n"] == 1000  # every decision speaks, whoever's side it was


def test_another_process_that_looks_once_finds_what_many_looks_found(held, deployment):
    visited(held, rounds=4, n=90)
    often = line_watch.reason_now(deployment, "shop")

    deployment.registry.challenges.carry("shop", line_watch.HOLD_OUT, None)
    line_watch.look(deployment, "shop")

    assert line_watch.reason_now(deployment, "shop").numbers == pytest.approx(often.numbers, rel=1e-9)


def test_the_share_of_the_hold_out_and_the_floor_may_change_meanwhile(held, deployment):
    visited(held, rounds=2)
    for changes in ({"gate": {"hold_out": 0.05}}, {"explore": {"name": "epsilon_greedy", "floor": 0.02}}):
        deployment.registry.apply(read_spec({**SHOP, "gate": {"hold_out": 0.05}, **changes}))
        visited(held, rounds=1)

    assert line_watch.reason_now(deployment, "shop").numbers["n"] == 800


def test_a_challenge_in_the_traffic_takes_nothing_from_the_watch(deployment):
    shop = shop_of(deployment, hold_out=0.2)
    begin(deployment)
    lived_through(shop, n=250, rounds=8, until=State.CANARY)
    before = line_watch.reason_now(deployment, "shop")

    done = visited(shop, rounds=1, n=400)
    after = line_watch.reason_now(deployment, "shop")
    shop.log.close()

    assert deployment.registry.challenges.open("shop").state == State.CANARY
    assert done == []
    assert after.numbers["n"] == before.numbers["n"] + 400


def test_without_a_hold_out_nothing_is_watched(deployment):
    shop = shop_of(deployment)

    assert visited(shop, rounds=1) == []
    assert line_watch.reason_now(deployment, "shop") is None
    shop.log.close()


def test_one_harm_takes_back_one_model(held, deployment):
    """The newest model is taken back by a person; what it did wrong is not held against the anchor that came back."""
    registry = deployment.registry
    anchor = registry.standing("shop").champion
    held.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    held.visit(600, clicks=have_turned)
    join(deployment)
    registry.roll_back_by_person("shop", why="looks wrong")

    assert line_watch.look(deployment, "shop") is None

    assert registry.standing("shop").champion == anchor
    assert line_watch.reason_now(deployment, "shop") is None


def test_what_the_hold_out_took_back_does_not_go_live_again_without_evidence(held, deployment):
    visited(held, rounds=12, clicks=have_turned)
    assert deployment.registry.standing("shop").champion is None

    told = refresh(deployment, "shop").verdict

    assert told.champion is None
    assert "first" not in {reason.name for reason in told.reasons}
    assert "against the baseline" in next(reason for reason in told.reasons if reason.name == "no-harm").sentence


def test_deferred_decisions_are_no_evidence(held, deployment):
    held.visit(200)
    join(deployment)
    line_watch.look(deployment, "shop")
    before = line_watch.reason_now(deployment, "shop").numbers["n"]
    _defer(held, 100)
    join(deployment)
    assert trusted(deployment, read_spec(SHOP)).examples.is_deferred.sum() == 100  # they are examples

    line_watch.look(deployment, "shop")

    assert line_watch.reason_now(deployment, "shop").numbers["n"] == before


def _defer(shop, n):
    """Decisions that are put off, rewarded and then activated."""
    decider = shop.swap.find("shop")
    for _ in range(n):
        answer = decider.decide(DecideRequest(context={"hour": 1, "device": "phone"}, defer=True)).answer
        now_us = shop.deployment.clock.now_us()
        shop.log.append(activation(ActivateRequest(decision_id=answer.decision_id), decider.checks, received_at=now_us))
        request = OutcomeRequest(decision_id=answer.decision_id, outcomes={"clicked": True}, final=True)
        shop.log.append(outcome(request, decider.checks, received_at=now_us).event)
    shop.log.roll()
