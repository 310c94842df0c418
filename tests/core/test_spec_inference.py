"""A first loop from a table: types, values and bounds with head-room."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import Invalid, UnknownName
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_inference import infer_document, infer_field, with_head_room


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "3", "2"], {"type": "integer", "min": 0, "max": 5}),
        (["-1", "1"], {"type": "integer", "min": -3, "max": 3}),
        (["0.5", "1"], {"type": "number", "min": 0.0, "max": 1.5}),
        (["true", "False"], {"type": "boolean"}),
        (["red", "blue", "red", "blue"], {"type": "category", "values": ["blue", "red"]}),
        (["red", "", "red", "red"], {"type": "category", "values": ["red"], "optional": True}),
        (["7", "NA"], {"type": "integer", "min": 0, "max": 14, "optional": True}),
        ([f"id-{i}" for i in range(200)], {"type": "category"}),
        ([f"a long sentence about something, number {i}" for i in range(200)], {"type": "text"}),
        (["", ""], {"type": "text", "optional": True}),
        (['{"a": 1}', "[1, 2]", ""], {"type": "json", "optional": True}),
        (['{"a": 1}', "{a: 1}", '{"a": 1}', "{a: 1}"], {"type": "category", "values": ['{"a": 1}', "{a: 1}"]}),
    ],
)
def test_a_columns_values_tell_its_type(values, expected):
    assert infer_field(values) == expected


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([0, 23], (0.0, 46.0)), ([10, 12], (0.0, 14.0)), ([-10, -5], (-15.0, 0.0)), ([5, 5], (0.0, 10.0)), ([0, 0], (0.0, 1.0))],
)
def test_bounds_leave_as_much_room_as_the_data_spans(numbers, expected):
    assert with_head_room(numbers) == expected


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=10))
def test_bounds_hold_the_data(numbers):
    low, high = with_head_room(numbers)

    assert low <= min(numbers)
    assert max(numbers) <= high


def test_labels_become_actions_in_their_natural_order():
    document = infer_document({"x": ["1"] * 3, "y": ["10", "9", "10"]}, label="y")

    assert document["actions"]["labels"] == ["9", "10"]
    assert list(document["context"]) == ["x"]


def test_a_label_column_must_exist_and_be_usable():
    with pytest.raises(UnknownName, match=r"no column is named 'z'; known: x."):
        infer_document({"x": ["1"]}, label="z")
    with pytest.raises(Invalid, match=r"x: has the value 'first', a word that baseline uses; expected another in the table."):
        infer_document({"x": ["first", "second"]}, label="x")
    with pytest.raises(Invalid, match=r"x: has 2,000 different values; expected 1 to 1,000, one per action."):
        infer_document({"x": [str(i) for i in range(2000)]}, label="x")


CELLS = st.one_of(st.integers().map(str), st.floats().map(str), st.text(max_size=12), st.sampled_from(["", "true", "a", "b"]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8))
def test_any_table_gives_a_loop_that_reads(rows):
    columns = {"one two": [row[0] for row in rows], "$b": [row[1] for row in rows]}

    spec = read_spec({"loop": "x", **infer_document(columns)})

    assert list(spec.context) == ["one_two", "b"]
