"""Replay: from its record a decision is drawn again, and from its model its probabilities come again."""

import msgspec
import numpy as np
import pytest

from front_page import CONTEXT, FIELDS, NOW_US, SALT, front_page
from policyloop.core.errors import NothingToDo
from policyloop.core.event import decode, encode, kind_of
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.checks import checks_of
from policyloop.ingest.imported import imported_decision
from policyloop.serve.replay import replay
from served import context_of, decider_of, some_model, traffic_of

SPEC = front_page()
MODEL = "m" * 32


def decision(**request):
    event = decider_of(some_model()).decide(DecideRequest(**{"context": CONTEXT, "decision_id": "d1", **request})).event
    return decode(kind_of(event), encode(event))


@pytest.mark.parametrize("explorer", ["greedy", "epsilon_greedy", "squarecb", "thompson"])
def test_decisions_agree_with_their_replay(explorer):
    decider = decider_of(some_model(explorer))
    rng = np.random.default_rng(5)

    for i in range(50):
        request = DecideRequest(
            context=context_of(rng), decision_id=f"d{i}", exclude=["bold"] if i % 3 == 0 else None, explore=i % 5 != 0
        )
        event = decider.decide(request).event
        stored = decode(kind_of(event), encode(event))
        again = replay(stored, SPEC, salt=SALT, policies={MODEL: some_model(explorer)})
        assert again.agrees
        assert again.drawn_action == event.action[0]
        assert again.largest_difference == 0.0


def test_decisions_of_the_baseline_need_no_model():
    event = decider_of().decide(DecideRequest(context=CONTEXT, exclude=["calm"])).event

    again = replay(event, SPEC, salt=SALT)

    assert again.agrees
    assert again.largest_difference == 0.0


def test_decisions_on_redacted_contexts_agree_too():
    spec = front_page(*FIELDS, subject="campaign")
    event = decider_of(some_model(), spec=spec).decide(DecideRequest(context={**CONTEXT, "campaign": "ann"})).event

    assert replay(event, spec, salt=SALT, policies={MODEL: some_model()}).agrees


def test_without_the_model_the_draw_alone_is_asked():
    again = replay(decision(), SPEC, salt=SALT)

    assert again.agrees
    assert again.largest_difference is None
    assert again.sentences()[-1] == "The probabilities were not computed again."


def test_another_action_does_not_agree():
    event = decision()
    other = (event.action[0] + 1) % 3

    again = replay(msgspec.structs.replace(event, action=[other]), SPEC, salt=SALT, policies={MODEL: some_model()})

    assert not again.agrees
    assert again.sentences()[0] == (
        f"From the logged probabilities the draw gives action {event.action[0]}; logged is {other}."
    )


def test_another_model_does_not_agree():
    again = replay(decision(), SPEC, salt=SALT, policies={MODEL: some_model(seed=1)})

    assert not again.agrees
    assert again.largest_difference > 1e-12


@pytest.mark.parametrize("change", [{"propensity": 0.123}, {"split": 0.5}, {"pmf": [[0.2, 0.4, 0.4]]}, {"pmf": [[0.5, 0.5]]}])
def test_a_record_that_was_tampered_with_does_not_agree(change):
    assert not replay(msgspec.structs.replace(decision(), **change), SPEC, salt=SALT, policies={MODEL: some_model()}).agrees


def test_a_decision_of_another_deployment_cannot_be_drawn_again():
    with pytest.raises(NothingToDo, match="was drawn with the salt"):
        replay(decision(), SPEC, salt=b"another salt")


def test_an_imported_decision_was_not_drawn_by_us():
    row = TrackedDecision(loop="front-page", context=CONTEXT, action="calm", pmf=[0.5, 0.5, 0.0])
    event, _ = imported_decision(row, checks_of(SPEC, salt=SALT), received_at=NOW_US)

    again = replay(event, SPEC, salt=SALT)

    assert again.agrees
    assert again.drawn_action is None
    assert again.sentences()[0] == "The action was not drawn by us, so it cannot be drawn again."


MODELS = {MODEL: some_model(), "c" * 32: some_model(seed=1)}


def mixed_decisions(n=60, *, spec=SPEC, **traffic):
    """Decisions of all kinds that champion, challenger and baseline share, as they come back from the log."""
    decider = decider_of(some_model(), spec=spec, traffic=traffic_of(some_model(seed=1), **traffic))
    rng = np.random.default_rng(5)
    for i in range(n):
        request = DecideRequest(
            context=context_of(rng),
            decision_id=f"d{i}",
            exclude=["bold"] if i % 3 == 0 else None,
            explore=i % 5 != 0,
            episode_id=f"e{i % 4}" if i % 7 == 0 else None,
            subject=f"person {i % 6}" if i % 2 else None,
        )
        event = decider.decide(request).event
        yield decode(kind_of(event), encode(event))


@pytest.mark.parametrize(
    "traffic",
    [
        {"state": "shadow"},
        {"state": "advisory"},
        {"share": 0.5},
        {"share": 0.5, "hold_out": 0.2},
        {"share": 0.5, "hold_out": 0.2, "is_sticky": True},
    ],
    ids=["shadow", "advisory", "canary", "with hold-out", "sticky"],
)
def test_what_several_models_shared_is_made_again_from_all_of_them(traffic):
    sides = set()

    for event in mixed_decisions(**traffic):
        again = replay(event, SPEC, salt=SALT, policies=MODELS)
        assert again.agrees
        assert again.drawn_action == event.action[0]
        assert again.largest_difference == 0.0
        assert again.is_side_alike == (True if event.mixture else None)
        sides.add(event.side)

    assert len(sides) == {"shadow": 1, "advisory": 1}.get(traffic.get("state"), 3 if traffic.get("hold_out") else 2)


def test_the_side_is_drawn_again_from_the_log_alone():
    for event in mixed_decisions(share=0.5, hold_out=0.2):
        again = replay(event, SPEC, salt=SALT)
        assert again.agrees
        assert again.is_side_alike


def test_another_side_does_not_agree():
    event = next(event for event in mixed_decisions(share=0.5) if event.side == "champion")

    again = replay(msgspec.structs.replace(event, side="challenger", policy="c" * 32), SPEC, salt=SALT)

    assert not again.agrees
    assert "The logged side is not the one that the draw leads to." in again.sentences()


@pytest.mark.parametrize("changed", [MODEL, "c" * 32])
def test_another_champion_or_challenger_does_not_agree(changed):
    event = next(mixed_decisions(share=0.5))

    again = replay(event, SPEC, salt=SALT, policies=MODELS | {changed: some_model(seed=2)})

    assert not again.agrees


def test_what_a_challenger_said_that_only_watched_is_compared_too():
    event = next(mixed_decisions(state="shadow"))

    assert not replay(event, SPEC, salt=SALT, policies=MODELS | {"c" * 32: some_model(seed=2)}).agrees


def test_a_mixture_without_what_each_said_does_not_agree():
    event = next(mixed_decisions(share=0.5))

    assert not replay(msgspec.structs.replace(event, shadow=None), SPEC, salt=SALT, policies=MODELS).agrees
