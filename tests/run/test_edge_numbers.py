"""A decision that is numbers, decided at the edge and delivered later: the server takes it as it was."""

import msgspec
import pytest

from cart import LIMITED, SALT, STATE, Drives, Pushes, cart, checks, engine
from front_page import NOW_US
from policyloop.core.rng import keyed_uniform
from policyloop.core.wire import DecideRequest, OutcomeRequest, TrackedDecision, TrackedOutcome
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.run.edges.arguments import answer_of
from policyloop.run.edges.keepers import decision_row, report_row
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from served import HandClock, MemoryLog


def decided(policy, spec, **request):
    live = live_of(spec, salt=SALT, policy=policy, name="m" * 32)
    decider = Decider(live, clock=HandClock(), append=MemoryLog().append)
    asked = DecideRequest(context=STATE, episode_id="e1", **request)
    return asked, decider.decide(asked)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize(("policy", "spec"), [(Pushes(floor=0.5), cart(limits=LIMITED)), (Drives(), engine())])
def test_the_row_that_is_delivered_says_what_was_decided(policy, spec, explore):
    request, made = decided(policy, spec, step=0, explore=explore)

    row = msgspec.convert(msgspec.json.decode(msgspec.json.encode(decision_row(request, made))), TrackedDecision)
    taken, _ = imported_decision(row, checks(spec), received_at=NOW_US)

    event = made.event
    assert (taken.action, taken.action_value, taken.action_source) == (event.action, event.action_value, event.action_source)
    assert taken.propensity == pytest.approx(event.propensity)
    assert (taken.propensity_kind, taken.episode_id, taken.step) == (event.propensity_kind, "e1", 0)
    assert taken.split == keyed_uniform(SALT, spec.loop, "e1", "split")


def test_a_step_that_was_counted_here_is_delivered():
    request, made = decided(Pushes(), cart())

    assert decision_row(request, made)["step"] == 0


def test_the_answer_is_the_sdk_s():
    _, made = decided(Pushes(), cart(), step=3)

    answer = answer_of(made, is_logged=True)

    assert (answer.values, answer.step, answer.episode_id) == ({"force": made.event.action_value[0]}, 3, "e1")
    assert (answer.pmf, answer.density, answer.propensity_kind) == (None, made.event.density, "density")


def test_what_was_done_instead_is_delivered_even_if_it_is_the_first():
    request = OutcomeRequest(decision_id="d1", outcomes={}, executed=0)
    labelled = checks(cart(actions=engine().actions))
    event = outcome(OutcomeRequest(decision_id="d1", outcomes={}, executed=["low", 0, 0]), labelled, received_at=NOW_US).event

    row = msgspec.convert(report_row("cart", request, event), TrackedOutcome)

    assert row.executed == 0
