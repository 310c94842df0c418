"""Aggregation by hand: several reports of one name become one number."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from join_loops import a_spec
from policyloop.join.reward import aggregate, rewards
from policyloop.join.window import Seen

DECISION = np.array([0, 0, 0, 2, 5, 5])
VALUE = np.array([4.0, 1.0, 3.0, -2.0, 0.5, 0.25])


@pytest.mark.parametrize(
    ("take", "expected"),
    [
        ("sum", [8.0, -2.0, 0.75]),
        ("mean", [8 / 3, -2.0, 0.375]),
        ("max", [4.0, -2.0, 0.5]),
        ("min", [1.0, -2.0, 0.25]),
        ("first", [4.0, -2.0, 0.5]),
        ("last", [3.0, -2.0, 0.25]),
        ("count", [3.0, 1.0, 2.0]),
    ],
)
def test_each_way_to_take_several_reports(take, expected):
    rows, values = aggregate(take, DECISION, VALUE)

    np.testing.assert_array_equal(rows, [0, 2, 5])
    np.testing.assert_allclose(values, expected, rtol=1e-15)


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=50))
def test_a_sum_does_not_depend_on_who_else_is_summed(values):
    alone = aggregate("sum", np.zeros(len(values), dtype=np.int64), np.array(values))[1][0]

    beside = aggregate("sum", np.array([0, *[1] * len(values), 2]), np.array([0.1, *values, 7.0]))[1][1]

    assert alone == beside


def seen(*rows):
    decision, name, value = (np.array(column) for column in zip(*rows, strict=True))
    zeros = np.zeros(len(rows), dtype=np.int64)
    return Seen(
        decision=decision, name=name, value=value, happened_at=zeros, received_at=zeros, final=np.zeros(len(rows), dtype=bool)
    )


def test_what_does_not_count_leaves_no_trace():
    spec = a_spec(default=0.25)
    outcomes = seen((0, 0, 1.0), (1, 0, 1.0))

    got = rewards(spec.reward, spec.outcomes, outcomes, counts=np.array([True, False]), n=3)

    np.testing.assert_allclose(got.reward, [1.01, 0.25, 0.25])  # dwell_s is missing: 6 s
    np.testing.assert_array_equal(got.is_rewarded, [True, False, False])
    np.testing.assert_array_equal(got.n_outcomes, [1, 0, 0])
    np.testing.assert_array_equal(got.is_there["clicked"], [True, False, False])


def test_an_expression_without_names_is_a_reward_for_every_decision_with_an_outcome():
    spec = a_spec(expression="0.5")

    got = rewards(spec.reward, spec.outcomes, seen((1, 2, 3.0)), counts=np.array([True]), n=2)

    np.testing.assert_array_equal(got.reward, [0.0, 0.5])
