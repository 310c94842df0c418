"""What was carried out instead of the chosen action."""

import numpy as np
import pyarrow as pa
import pytest

from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart
from policyloop.join.executed import done_instead, values_done_instead


def reports(*rows):
    names = ("decision", "happened_at", "received_at", "executed")
    schema = pa.schema(list(zip(names, (pa.int64(), pa.int64(), pa.int64(), pa.string()), strict=True)))
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], schema=schema)


def chosen(*actions):
    return pa.chunked_array([pa.array([[a] for a in actions], pa.list_(pa.int32()))])


@pytest.mark.parametrize("text", ["2", "[2]"])
def test_an_index_alone_or_in_a_list_names_the_action(text):
    instead, is_usable = done_instead(reports((1, 5, 5, text)), chosen(0, 0))

    assert instead.to_pylist() == [None, [2]]
    assert is_usable.all()


def test_what_was_chosen_anyway_is_nothing_new():
    instead, _ = done_instead(reports((0, 5, 5, "1")), chosen(1))

    assert instead.to_pylist() == [None]


def test_of_a_ranking_the_first_place_is_what_was_chosen():
    rankings = pa.chunked_array([pa.array([[2, 0, 1], [2, 0, 1]], pa.list_(pa.int32()))])

    instead, _ = done_instead(reports((0, 5, 5, "2"), (1, 5, 5, "0")), rankings)

    assert instead.to_pylist() == [None, [0]]


def test_the_report_of_what_happened_first_counts():
    instead, _ = done_instead(reports((0, 9, 9, "1"), (0, 5, 20, "2"), (0, 6, 6, None)), chosen(0))

    assert instead.to_pylist() == [[2]]


@pytest.mark.parametrize("text", ['"red"', "{}", "[0.5]", "", "nul"])
def test_a_report_that_cannot_be_read_makes_the_decision_unusable(text):
    instead, is_usable = done_instead(reports((0, 5, 5, text)), chosen(0, 0))

    np.testing.assert_array_equal(is_usable, [False, True])
    assert instead.null_count == 2


BOX = ActionSpec(
    kind="tuple", choices=(LabelledPart(name="gear", labels=("low", "high")),), box=(BoxPart(name="force", low=-1, high=1),)
)


@pytest.mark.parametrize(
    "text",
    ['{"force": -0.5, "gear": "high"}', '["high", -0.5]', "[1, -0.5]", '{"action": [1], "action_value": [-0.5]}'],
)
def test_parts_are_named_or_listed_with_the_labelled_ones_first(text):
    places, numbers, is_usable = values_done_instead(reports((0, 5, 5, text)), chosen(0), values(0.5), BOX)

    assert (places.to_pylist(), numbers.to_pylist()) == ([[1]], [[-0.5]])
    assert is_usable.all()


@pytest.mark.parametrize("text", ["{", '{"force": -0.5}', '["middle", 0.5]', "[1]", '[1, "fast"]', "[2, 0.5]", "true"])
def test_what_does_not_name_every_part_cannot_be_used(text):
    places, numbers, is_usable = values_done_instead(reports((0, 5, 5, text)), chosen(0), values(0.5), BOX)

    assert (places.to_pylist(), numbers.to_pylist()) == ([None], [None])
    assert not is_usable.any()


def test_numbers_that_were_chosen_anyway_are_nothing_new():
    places, numbers, _ = values_done_instead(reports((0, 5, 5, "[0, 0.5]")), chosen(0), values(0.5), BOX)

    assert (places.to_pylist(), numbers.to_pylist()) == ([None], [None])


def values(*numbers):
    return pa.chunked_array([pa.array([[x] for x in numbers], pa.list_(pa.float64()))])
