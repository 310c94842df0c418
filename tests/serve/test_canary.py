"""The canary: a model that errs anywhere on the edges of its spec does not get in."""

import itertools

import numpy as np
import pytest

from front_page import FIELDS, SALT, front_page
from policyloop.core.errors import BadModel
from policyloop.core.loop import EpisodeSpec, Field
from policyloop.core.state import MAX_FLOAT32
from policyloop.ingest.checks import checks_of
from policyloop.serve import canary
from policyloop.serve.fallback import baseline_of
from served import HandClock, some_model

CHECKS = checks_of(front_page(), salt=SALT)


class Answers:
    """A policy whose answer is a function of context and mask."""

    def __init__(self, answer) -> None:
        self.pmf = lambda context, allowed, candidates=None: np.array(answer(context, np.array(allowed)), dtype=float).tolist()


def even(allowed):
    return allowed / allowed.sum()


def refusal(policy, clock=None, checks=CHECKS) -> str:
    with pytest.raises(BadModel) as caught:
        canary.check(policy, checks, clock=clock or HandClock(), budget_s=0.05)
    return str(caught.value)


def test_good_policies_pass():
    canary.check(some_model(), CHECKS, clock=HandClock(), budget_s=0.05)
    canary.check(baseline_of(front_page()), CHECKS, clock=HandClock(), budget_s=0.05)


def test_the_contexts_reach_every_edge_of_the_spec():
    contexts = list(canary.contexts_of(CHECKS))

    assert {context["hour"] for context in contexts} == {0, 23}
    assert {context["device"] for context in contexts} == {"phone", "tablet", "desktop"}
    assert any(context["query"] is None for context in contexts)
    assert any(context["tags"] == [] for context in contexts)


def test_contexts_can_be_made_for_any_field():
    fields = [
        Field(name="a", type="number", min=2.5, max=2.5),
        Field(name="b", type="integer", min=5_000_000),
        Field(name="c", type="integer", max=-5_000_000),
        Field(name="d", type="array", items="number", min=1, max=2, max_items=1),
        Field(name="e", type="category", store="hash"),
        Field(name="f", type="number", store="never"),
        Field(name="g", type="array", items="category", max_items=0),
        Field(name="h", type="json", max_fields=1),
        Field(name="i", type="json", store="hash", optional=True),
    ]

    contexts = list(canary.contexts_of(checks_of(front_page(*fields), salt=SALT)))

    assert all("f" not in context for context in contexts)
    assert {context["b"] for context in contexts} == {5_000_000, 10**9}


def test_a_loop_without_fields_has_a_canary_too():
    assert list(canary.contexts_of(checks_of(front_page(context={}), salt=SALT))) == [{}, {}, {}]


def test_one_that_raises_is_refused():
    def answer(context, allowed):
        assert context["hour"] < 23, "no answer for that hour"
        return even(allowed)

    assert refusal(Answers(answer)).startswith("the model raised AssertionError: no answer for that hour")


def test_one_that_is_not_finite_on_an_edge_is_refused():
    message = refusal(Answers(lambda context, allowed: even(allowed) * (np.nan if context["device"] == "desktop" else 1)))

    assert message == "the model gave probabilities that sum to nan; expected 1 within 1e-09."


def test_one_that_ignores_a_mask_is_refused():
    assert "although it is masked" in refusal(Answers(lambda context, allowed: [0.5, 0.25, 0.25]))


def test_one_that_is_below_the_floor_is_refused():
    def certain(context, allowed):
        return np.eye(3)[np.argmax(allowed)]

    assert refusal(Answers(certain)) == (
        "the model gave an action the probability 0; expected at least 0.00667, its share of the floor."
    )


def test_one_that_answers_otherwise_the_second_time_is_refused():
    turn = itertools.cycle([0.0, 0.1])

    def answer(context, allowed):
        moved = even(allowed)
        if allowed.all():
            shift = next(turn)
            moved = moved + np.array([shift, -shift, 0.0])
        return moved

    assert "two answers to the same context" in refusal(Answers(answer))


def test_one_that_is_too_slow_is_refused():
    clock = HandClock()

    def answer(context, allowed):
        clock.sleep(0.06)
        return even(allowed)

    assert refusal(Answers(answer), clock) == "the model takes 0.06 s a decision; expected at most 0.05 s."


def test_fields_of_the_test_spec_are_all_seen():
    assert all(set(context) == {field.name for field in FIELDS} for context in canary.contexts_of(CHECKS))


def test_bounds_beyond_a_state_have_a_canary_within_it():
    wide = front_page(Field(name="x", type="number", min=-1e300, max=1e300), episodes=EpisodeSpec(discount=0.9))

    assert {abs(context["x"]) for context in canary.contexts_of(checks_of(wide, salt=SALT))} == {MAX_FLOAT32}
