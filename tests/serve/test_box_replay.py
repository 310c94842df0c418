"""Replay of numbers: from its record a decision is drawn again, and from its model its density and its value come again."""

import msgspec
import pytest

from cart import LIMITED, SALT, STATE, Drives, Pushes, cart, checks, engine
from front_page import NOW_US
from policyloop.core.event import decode, encode, kind_of
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.imported import imported_decision
from policyloop.serve.box_replay import replay_numbers
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from served import HandClock, MemoryLog, traffic_of

MODEL = "m" * 32


def decisions(policy, spec, *, n=40, traffic=None, **request):
    """Logged decisions of some episodes, as they come out of the log."""
    log = MemoryLog()
    name = "baseline" if policy is None else MODEL
    live = live_of(spec, salt=SALT, policy=policy, name=name, traffic=traffic)
    decider = Decider(live, clock=HandClock(), append=log.append)
    for i in range(n):
        context = {**STATE, "x": i / n - 0.5}
        decider.decide(DecideRequest(context=context, episode_id=f"e{i // 4}", step=i % 4, **request))
    return [decode(kind_of(event), encode(event)) for event in log.events]


def changed(decision, **fields):
    return msgspec.structs.replace(decision, **fields)


@pytest.mark.parametrize("explore", [True, False])
@pytest.mark.parametrize(
    ("policy", "spec"),
    [
        (Pushes(floor=0.3), cart(limits=LIMITED)),
        (Pushes(scale=1e-4, floor=0.0), cart(limits=LIMITED)),
        (Drives(), engine()),
        (None, cart(baseline="uniform")),
        (None, engine()),
    ],
)
def test_decisions_agree_with_their_replay(policy, spec, explore):
    for decision in decisions(policy, spec, explore=explore):
        again = replay_numbers(decision, spec, salt=SALT, policies={MODEL: policy})

        assert again.agrees, again.sentences()
        assert again.is_drawn_alike
        assert again.largest_difference == 0.0
        assert again.drawn == again.logged


def test_the_side_is_drawn_again():
    other = Pushes(scale=0.5)
    logged = decisions(Pushes(), cart(), traffic=traffic_of(other, hold_out=0.3))

    replays = [replay_numbers(one, cart(), salt=SALT, policies={MODEL: Pushes(), "c" * 32: other}) for one in logged]

    assert len({one.side for one in logged}) == 3
    assert all(one.is_side_alike and one.agrees and one.largest_difference == 0.0 for one in replays)
    turned = changed(logged[0], side="champion" if logged[0].side != "champion" else "hold-out")
    assert replay_numbers(turned, cart(), salt=SALT, policies={}).is_side_alike is False


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"action_value": [0.123]}, "From the logged density the draw gives {"),
        ({"propensity": 0.5}, "The logged propensity is not what the logged density gives these values."),
        ({"split": 0.5}, "The logged split is not the one that the id leads to."),
        ({"action_value_estimate": 7.0}, "Logged and computed densities differ: they are 1"),
        ({"context": '{"x":0.4,"v":-0.2}'}, "Logged and computed densities differ: they are "),
    ],
)
def test_what_was_changed_does_not_agree(fields, said):
    (decision, *_) = decisions(Pushes(), cart())

    again = replay_numbers(changed(decision, **fields), cart(), salt=SALT, policies={MODEL: Pushes()})

    assert not again.agrees
    assert any(sentence.startswith(said) for sentence in again.sentences()), again.sentences()


def test_without_the_model_the_draw_is_made_again_and_no_more():
    (decision, *_) = decisions(Pushes(), cart())

    again = replay_numbers(decision, cart(), salt=SALT, policies={})

    assert again.agrees
    assert again.sentences() == [
        "From the logged density the draw gives the same values again.",
        "The density was not computed again.",
    ]


def test_what_another_system_did_is_not_drawn_again():
    row = TrackedDecision(loop="cart", context=STATE, values=[0.5], propensity_kind="point", episode_id="e1", step=0)
    decision, _ = imported_decision(row, checks(), received_at=NOW_US)

    again = replay_numbers(decision, cart(), salt=SALT, policies={})

    assert (again.agrees, again.is_drawn_alike, again.logged) == (True, None, {"force": 0.5})
    assert again.sentences()[0] == "The action was not drawn by us, so it cannot be drawn again."
