"""Tensors in a context: lists of the declared shape, every number checked, every fault with its place."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from front_page import SALT, front_page
from policyloop.core.corners import corner_values
from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.ingest.context import ContextCheck
from policyloop.ingest.redact import redaction_of
from policyloop.ingest.tensors import MAX_FLOAT32, tensor_schema

BOARD = Field(name="board", type="tensor", shape=(2, 3), dtype="uint8")
FLOW = Field(name="flow", type="tensor", shape=(2,), dtype="float32")


def checked(value, field=BOARD, faults=None):
    check = ContextCheck(front_page(field).context)
    found: list[Fault] = [] if faults is None else faults
    return check.check({field.name: value}, found)


def faults_in(value, field=BOARD):
    faults: list[Fault] = []
    assert checked(value, field, faults) is None
    return [f"{fault.where} {fault.message}" for fault in faults]


def test_lists_of_the_shape_are_taken_as_they_are():
    context = checked([[0, 1, 2], [3, 4, 255]])

    assert context.values == {"board": [[0, 1, 2], [3, 4, 255]]}
    assert context.json == '{"board":[[0,1,2],[3,4,255]]}'


def test_whole_numbers_in_a_tensor_of_floats_are_floats():
    assert checked([1, 2.5], FLOW).json == '{"flow":[1.0,2.5]}'


def test_every_fault_is_told_with_its_place():
    assert faults_in([[0, 256, -1], [1.5, "x", 3]]) == [
        "$.context.board[0][1] is 256; expected a whole number from 0 to 255.",
        "$.context.board[0][2] is -1; expected a whole number from 0 to 255.",
        "$.context.board[1][0] is 1.5; expected a whole number from 0 to 255.",
        "$.context.board[1][1] is 'x'; expected a whole number from 0 to 255.",
    ]


def test_a_wrong_shape_is_told_where_it_is_wrong():
    assert faults_in([[0, 1, 2]]) == ["$.context.board has 1 entries; expected 2."]
    assert faults_in([[0, 1, 2], [3, 4]]) == ["$.context.board[1] has 2 entries; expected 3."]
    assert faults_in([[0, 1, 2], 7]) == ["$.context.board[1] is 7; expected a list of 3."]
    assert faults_in([[0, 1, [2]], [3, 4, 5]]) == [
        "$.context.board[0][2] is a list of 1 items; expected a whole number from 0 to 255."
    ]


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1e39, 10**400, True, None])
def test_a_float_is_finite_and_fits_float32(wrong):
    (fault,) = faults_in([0.0, wrong], FLOW)

    assert fault.startswith("$.context.flow[1] is ")


def test_a_missing_tensor_says_what_it_should_be():
    check = ContextCheck(front_page(BOARD).context)
    faults: list[Fault] = []
    check.check({}, faults)

    assert faults[0].message == "is missing; expected nested lists of 2 x 3 whole numbers from 0 to 255."


def test_many_faults_are_counted():
    large = Field(name="board", type="tensor", shape=(100,), dtype="uint8")

    assert faults_in([-1] * 100, large)[-1].startswith("$.context")
    assert len(faults_in([-1] * 100, large)) <= 22


def test_an_optional_tensor_may_be_null_and_a_default_is_not_shared():
    optional = Field(name="board", type="tensor", shape=(2,), dtype="uint8", optional=True)
    filled = Field(name="board", type="tensor", shape=(2,), dtype="uint8", default=[1, 2])
    check = ContextCheck(front_page(filled).context)

    first, second = check.check({}, []), check.check({}, [])

    assert checked(None, optional).json == '{"board":null}'
    assert first.values == second.values == {"board": [1, 2]}
    assert first.values["board"] is not second.values["board"]


@given(arrays.arrays(np.uint8, (2, 3)))
def test_numpy_s_arrays_are_taken_and_are_plain_afterwards(board):
    assert checked(board).values == {"board": board.tolist()}


@given(arrays.arrays(np.float32, (2,), elements=st.floats(-MAX_FLOAT32, MAX_FLOAT32, width=32)))
def test_every_finite_float32_fits(flow):
    assert checked(flow.tolist(), FLOW).values == {"flow": flow.tolist()}


def test_corners_of_a_tensor_fit_it():
    for field in (BOARD, FLOW):
        assert all(checked(value, field) is not None for value in corner_values(field))


def test_the_schema_says_shape_and_bounds():
    assert tensor_schema(BOARD) == {
        "type": "array",
        "minItems": 2,
        "maxItems": 2,
        "items": {
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {"type": "integer", "minimum": 0, "maximum": 255},
        },
    }


def test_a_tensor_that_is_never_stored_is_gone():
    spec = front_page(Field(name="board", type="tensor", shape=(2,), dtype="uint8", store="never"))
    context = ContextCheck(spec.context).check({"board": [1, 2]}, [])

    assert redaction_of(spec, salt=SALT).apply(context).json == "{}"
