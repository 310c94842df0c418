"""A state: contexts as numbers, one by one and in columns alike, and what cannot be told so is refused with the way out."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.errors import Invalid
from policyloop.core.loop import Field
from policyloop.core.state import MAX_FLOAT32, StateEncoder, bounded_for_states

MIXED = [
    Field(name="x", type="number"),
    Field(name="on", type="boolean"),
    Field(name="gear", type="category", values=("low", "high")),
    Field(name="wind", type="number", optional=True),
]


def test_numbers_stay_and_booleans_categories_and_missing_values_become_numbers():
    encoder = StateEncoder.of(MIXED)

    assert encoder.names == ("x", "on", "gear=low", "gear=high", "wind", "wind is there")
    assert encoder.encode({"x": 1.5, "on": True, "gear": "high", "wind": 0.0}).tolist() == [1.5, 1, 0, 1, 0, 1]
    assert encoder.encode({"x": -2, "on": False, "gear": "low"}).tolist() == [-2, 0, 1, 0, 0, 0]
    assert (encoder.shape, encoder.dtype) == ((6,), np.float32)


def test_one_tensor_alone_keeps_its_shape_and_type():
    encoder = StateEncoder.of([Field(name="board", type="tensor", shape=(2, 3), dtype="uint8")])

    state = encoder.encode({"board": [[0, 1, 2], [2, 1, 0]]})

    assert (encoder.shape, encoder.dtype) == ((2, 3), np.uint8)
    assert state.dtype == np.uint8
    assert state.tolist() == [[0, 1, 2], [2, 1, 0]]
    np.testing.assert_array_equal(encoder.encode_columns({"board": state[np.newaxis]})[0], state)


def test_a_tensor_beside_other_fields_is_laid_flat():
    encoder = StateEncoder.of([Field(name="board", type="tensor", shape=(1, 2), dtype="uint8"), Field(name="x", type="number")])

    assert encoder.encode({"board": [[7, 8]], "x": 0.5}).tolist() == [7, 8, 0.5]
    assert encoder.names == ("board[0]", "board[1]", "x")


def test_fields_that_no_model_may_learn_from_are_left_out():
    fields = [
        Field(name="x", type="number"),
        Field(name="note", type="text", learn=False),
        Field(name="key", type="number", store="never"),
    ]

    assert StateEncoder.of(fields).names == ("x",)


@pytest.mark.parametrize(
    ("field", "way_out"),
    [
        (Field(name="note", type="text"), "declare it as a category with its values"),
        (Field(name="all", type="json"), "name the numbers in it as fields of their own"),
        (Field(name="some", type="array", items="number"), "declare it as a tensor with a shape"),
        (Field(name="site", type="category"), "list its `values`"),
        (Field(name="site", type="category", values=("a", "b"), store="hash"), "store its values as they are"),
    ],
)
def test_what_numbers_cannot_hold_is_refused_with_the_way_out(field, way_out):
    with pytest.raises(Invalid, match="context") as refusal:
        StateEncoder.of([Field(name="x", type="number"), field])

    assert refusal.value.faults[0].where == f"$.context.{field.name}"
    assert way_out in refusal.value.faults[0].message


def test_a_context_without_anything_to_learn_from_is_refused():
    with pytest.raises(Invalid, match="has no field to learn from"):
        StateEncoder.of([Field(name="note", type="text", learn=False)])


def test_it_survives_a_manifest_with_other_keys_in_it():
    encoder = StateEncoder.of([*MIXED, Field(name="board", type="tensor", shape=(2, 2), dtype="float32")])

    kept = json.loads(json.dumps({"kind": "state", **encoder.to_json()}))

    again = StateEncoder.from_json(kept)
    assert again.names == encoder.names
    assert again.shape == encoder.shape
    assert again.to_json() == encoder.to_json()


CONTEXTS = st.fixed_dictionaries(
    {
        "x": st.floats(-1e6, 1e6, width=32),
        "on": st.booleans(),
        "gear": st.sampled_from(["low", "high"]),
        "wind": st.none() | st.floats(-10, 10, width=32),
    }
)


@given(st.lists(CONTEXTS, min_size=1, max_size=8))
def test_columns_and_contexts_give_the_same_states(contexts):
    encoder = StateEncoder.of(MIXED)
    columns = {
        "x": np.array([c["x"] for c in contexts]),
        "on": np.array([c["on"] for c in contexts]),
        "gear": np.array([c["gear"] for c in contexts], dtype=object),
        "wind": np.array([np.nan if c["wind"] is None else c["wind"] for c in contexts]),
    }

    states = encoder.encode_many(contexts)

    np.testing.assert_array_equal(states, encoder.encode_columns(columns))
    np.testing.assert_array_equal(states[0], encoder.encode(contexts[0]))


def test_bounds_beyond_float32_are_brought_to_what_a_state_holds():
    x, y = bounded_for_states(
        {"x": Field(name="x", type="number", min=-1e300, max=5), "y": Field(name="y", type="text")}
    ).values()

    assert (x.min, x.max) == (-MAX_FLOAT32, 5)
    assert np.float32(MAX_FLOAT32) == MAX_FLOAT32 == np.finfo(np.float32).max
    assert (y.min, y.max) == (None, None)
