"""Loop files whose decisions change what comes next: numbers as actions, limits, episodes, tensors, and their rewards."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_loops import CORRIDOR
from policyloop.core.errors import Invalid
from policyloop.core.loop import BoxPart, EpisodeSpec, LabelledPart, LimitSpec, LoopSpec
from policyloop.core.spec_context import why_not
from policyloop.core.spec_file import from_json, read_spec, to_json
from policyloop.core.spec_warnings import warnings_of
from policyloop.registry.changes import Entails, changes_between

CART_POLE: dict[str, Any] = {
    "loop": "cart-pole",
    "context": {"x": "number", "v": "number", "goal": {"type": "number", "min": -1, "max": 1}},
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "episodes": {"discount": 0.98, "max_steps": 1000},
    "reward": {"expression": "10 * (abs(next.x - next.goal) < 0.1) - 0.5 * abs(force)", "range": [-0.5, 10]},
}

NUMBERS = {"x": "number", "goal": "number"}
KEYS = ["min", "max", "force", "id", ""]


def box_of(parts: dict[str, Any]) -> dict[str, Any]:
    return {"actions": {"kind": "continuous", "box": parts}}


def spec_with(**changed: Any) -> LoopSpec:
    return read_spec({**CART_POLE, **changed})


def faults_of(**changed: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        spec_with(**changed)
    return {fault.where: fault.message for fault in caught.value.faults}


def test_a_loop_of_numbers_and_episodes_is_read():
    spec = spec_with(limits={"force": {"max": 0.9, "max_change": 0.2}})

    assert spec.actions.box == (BoxPart(name="force", low=-1.0, high=1.0),)
    assert spec.episodes == EpisodeSpec(discount=0.98, max_steps=1000)
    assert spec.limits == (LimitSpec(name="force", high=0.9, max_change=0.2),)
    assert (spec.baseline, spec.outcomes, spec.labels) == ("middle", {}, ())
    assert (spec.explore.name, spec.explore.floor) == ("greedy", 0.0)  # nothing is tried in a plant unless asked for
    assert (spec.train.every_episodes, spec.train.every_examples) == (200, None)


def test_one_set_of_limits_holds_for_every_number():
    box = {"heat": {"min": 0, "max": 10}, "flow": [0, 5]}

    spec = spec_with(
        actions={"kind": "continuous", "box": box}, limits={"max_change": 0.5}, reward={"expression": "x", "range": [0, 1]}
    )

    assert [(one.name, one.max_change) for one in spec.limits] == [("heat", 0.5), ("flow", 0.5)]


def test_a_tuple_has_labelled_parts_and_numbers():
    parts = {"gear": ["low", "high"], "throttle": {"min": 0, "max": 1}}

    spec = spec_with(
        actions={"kind": "tuple", "parts": parts},
        reward={"expression": "throttle * gear", "range": [0, 1]},
        baseline={"gear": "low", "throttle": 0.25},
    )

    assert spec.actions.choices == (LabelledPart(name="gear", labels=("low", "high")),)
    assert spec.actions.box == (BoxPart(name="throttle", low=0.0, high=1.0),)
    assert (spec.baseline, dict(spec.baseline_values)) == ("values", {"gear": "low", "throttle": 0.25})


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"limits": {"force": {"min": -0.5}}},
        {"baseline": {"force": 0.5}},
        {"context": {"board": {"type": "tensor", "shape": [2, 20, 16], "dtype": "uint8"}, "x": "number", "goal": "number"}},
        {"train": {"every": "50 episodes or 2h"}},
        {"actions": {"kind": "tuple", "parts": {"gear": ["a", "b"], "force": {"min": -1, "max": 1}}}},
    ],
)
def test_the_canonical_form_reads_back_to_the_same_spec(changed: dict[str, Any]):
    spec = spec_with(**changed)

    assert from_json(to_json(spec)) == spec


def test_specs_of_single_decisions_keep_the_digests_that_they_had():
    spec = read_spec(
        {"loop": "a", "actions": {"labels": ["x", "y"]}, "outcomes": {"clicked": "boolean"}, "reward": {"range": [0, 1]}}
    )

    assert not {"limits", "episodes", "shape"} & set(to_json(spec).replace('"', " ").split())


def test_a_reward_may_name_contexts_before_and_after_and_the_action():
    spec = spec_with()
    columns = {"x": 9.0, "goal": 9.0, "force": np.array([0.5, -1.0]), "next.x": np.array([0.55, 0.7]), "next.goal": 0.5}

    assert spec.reward.expression.evaluate(columns) == pytest.approx([9.75, -0.5])


def test_a_reward_of_labels_may_name_the_place_of_the_action():
    spec = spec_with(
        actions={"labels": ["left", "stay", "right"]},
        reward={"expression": "-abs(action - 1)", "range": [-1, 0]},
        baseline="stay",
    )

    assert spec.reward.expression.evaluate({"action": np.array([0, 1, 2])}).tolist() == [-1, 0, -1]


def test_loops_of_single_decisions_know_no_next_context():
    with pytest.raises(Invalid, match=r"no outcome is named 'next\.x'"):
        read_spec(
            {
                "loop": "a",
                "context": {"x": "number"},
                "actions": {"labels": ["p", "q"]},
                "outcomes": {"clicked": "boolean"},
                "reward": {"expression": "next.x", "range": [0, 1]},
            }
        )


def test_bounds_of_the_reward_come_from_fields_and_numbers():
    found = warnings_of(spec_with(reward={"expression": "force + next.goal", "range": [-1, 1]}))

    assert any("[-1, 1], the expression lies in [-2, 2]" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("changed", "where", "says"),
    [
        ({"episodes": None}, "$.episodes", "is missing; expected it beside actions with numbers"),
        ({"episodes": {"discount": 1.5}}, "$.episodes.discount", "is 1.5; expected"),
        ({"episodes": {"max_step": 5}}, "$.episodes.max_step", "did you mean 'max_steps'?"),
        (
            {"actions": {"kind": "continuous", "box": {"force": {"min": 1, "max": 1}}}},
            "$.actions.box.force.max",
            "not above min 1",
        ),
        (
            {"actions": {"kind": "continuous", "box": {"force": {"min": 1}}}},
            "$.actions.box.force.max",
            "is missing; expected both",
        ),
        ({"actions": {"kind": "continuous", "box": {}}}, "$.actions.box", "has 0 parts; expected 1 to 64"),
        (
            {"actions": {"kind": "tuple", "parts": {"force": {"min": 0, "max": 1}}}},
            "$.actions.kind",
            "no part has labels; expected continuous",
        ),
        ({"limits": {"fource": {"max": 1}}}, "$.limits.fource", "did you mean 'force'?"),
        ({"limits": {"force": {"max": 2}}}, "$.limits.force.max", "is 2; expected"),
        ({"limits": {"force": {"min": 0.5, "max": 0.2}}}, "$.limits.force.max", "below min 0.5"),
        ({"baseline": {"force": 3}}, "$.baseline.force", "is 3; expected a number from -1 to 1"),
        ({"baseline": "meddle"}, "$.baseline", "expected middle, uniform, or a value for every part: force"),
        ({"outcomes": {"x": "number"}}, "$.reward.expression", "cannot tell outcome 'x' from what else is named so"),
        ({"reward": {"expression": "next.y", "range": [0, 1]}}, "$.reward.expression", "is named 'next.y'"),
        ({"train": {"every": "500 examples"}}, "$.train.every", "expected such as `500 episodes`, `4h`"),
        (
            {"context": {"b": {"type": "tensor", "shape": [0, 2]}, "x": "number", "goal": "number"}},
            "$.context.b.shape",
            "is [0, 2]",
        ),
        ({"explore": {"name": "squarecb"}}, "$.explore.name", "no explorer is named 'squarecb'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(changed: dict[str, Any], where: str, says: str):
    faults = faults_of(**changed)

    assert says in faults[where]


def test_a_tensor_takes_nested_lists_of_its_shape_alone():
    field = read_spec(
        {**CART_POLE, "context": {"b": {"type": "tensor", "shape": [2, 3], "dtype": "uint8"}, "x": "number", "goal": "number"}}
    ).context["b"]

    assert why_not(field, [[0, 1, 255], [0, 0, 0]]) is None
    assert why_not(field, [[0, 1], [0, 0]]) == "nested lists of shape [2, 3]"
    assert why_not(field, [[0, 1, 256], [0, 0, 0]]) == "whole numbers from 0 to 255"
    assert why_not(field, [[0, 1, math.nan], [0, 0, 0]]) == "whole numbers from 0 to 255"


@pytest.mark.parametrize(
    ("changed", "where", "entails"),
    [
        ({"limits": {"force": {"max": 0.5}}}, "$.limits.force", Entails.NEXT_DECISION),
        ({"baseline": "uniform"}, "$.baseline", Entails.NEXT_DECISION),
        ({"episodes": {"discount": 0.9, "max_steps": 1000}}, "$.episodes.discount", Entails.RECIPE),
        ({"actions": {"kind": "continuous", "box": {"force": {"min": -2, "max": 1}}}}, "$.actions", Entails.NEW_LINE),
    ],
)
def test_each_change_says_what_it_entails(changed: dict[str, Any], where: str, entails: Entails):
    found = changes_between(spec_with(), spec_with(**changed))

    assert [(change.where, change.entails) for change in found] == [(where, entails)]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=True) | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["min", "max", "force", "id", ""]), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["actions", "limits", "episodes", "baseline", "reward"]),
)
def test_whatever_stands_in_a_section_is_read_or_refused(value: Any, key: str):
    try:
        spec = spec_with(**{key: value})
    except Invalid as error:
        assert error.faults
    else:
        assert from_json(to_json(spec)) == spec


def test_guards_that_no_challenge_of_episodes_watches_are_told():
    text = CORRIDOR.replace("outcomes: {}", "outcomes: {heat: {type: number, min: 0, max: 9}}")
    guarded = read_spec(text + "gate: {guards: {heat: {margin: 1, range: [0, 9]}, $latency_ms: {margin: 5}}}\n")

    (told,) = (warning for warning in warnings_of(guarded) if warning.startswith("gate."))

    assert told == (
        "gate.guards of reserved names are not watched in loops with episodes ($latency_ms): challenges are judged by whole "
        "returns, slices and guards on outcomes; put what must not get worse into one of these."
    )


def test_a_hold_out_of_episodes_without_a_last_step_finds_no_harm_and_that_is_told():
    text = CORRIDOR + "gate: {hold_out: 0.1}\n"
    endless = read_spec(text.replace(", max_steps: 20", ""))

    assert any(warning.startswith("gate.hold_out is set and") for warning in warnings_of(endless))
    assert not any(warning.startswith("gate.") for warning in warnings_of(read_spec(text)))
