"""Differences of two policies, worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.evaluate.differences import differences

NAMES = ("calm", "bold", "playful")
BEFORE = np.array([[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [1.0, 0.0, 0.0]])
AFTER = np.array([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.2, 0.6, 0.2], [0.0, 0.0, 1.0]])


def named(row, place):
    return NAMES[place]


def test_half_of_four_decisions_change_and_a_good_part_of_the_probability_moves():
    found = differences(BEFORE, AFTER, name_of=named)

    assert (found.n, found.n_changed, found.share_changed) == (4, 2, 0.5)
    assert found.mean_moved == pytest.approx((0.7 + 0.1 + 0.0 + 1.0) / 4)
    assert found.moves == (("calm", "bold", 1), ("calm", "playful", 1))


def test_the_largest_changes_come_first_and_unchanged_decisions_not_at_all():
    found = differences(BEFORE, AFTER, name_of=named)

    assert [change.row for change in found.largest] == [3, 0, 1]
    first = found.largest[0]
    assert (NAMES[first.before], first.before_prob, NAMES[first.after], first.after_prob, first.moved) == (
        "calm",
        1.0,
        "playful",
        1.0,
        1.0,
    )


def test_no_more_changes_are_kept_than_asked():
    found = differences(np.tile(BEFORE, (20, 1)), np.tile(AFTER, (20, 1)), name_of=named)

    assert [change.row for change in found.largest] == [3 + 4 * i for i in range(20)]


def test_a_tie_does_not_change_into_one_of_its_actions():
    found = differences(np.array([[0.5, 0.5]]), np.array([[0.1, 0.9]]), name_of=named)

    assert found.n_changed == 0
    assert found.mean_moved == pytest.approx(0.4)


def test_of_no_decision_no_share_is_known():
    found = differences(np.zeros((0, 3)), np.zeros((0, 3)), name_of=named)

    assert (found.n, found.moves, found.largest) == (0, (), ())
    assert math.isnan(found.share_changed)
    assert math.isnan(found.mean_moved)


@given(st.integers(0, 10_000))
def test_both_directions_change_as_many_decisions_and_move_as_much(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.dirichlet(np.ones(3), size=7), rng.dirichlet(np.ones(3), size=7)

    there, back = differences(one, other, name_of=named), differences(other, one, name_of=named)

    assert (there.n_changed, there.mean_moved) == (back.n_changed, back.mean_moved)
    assert {(a, b): n for a, b, n in there.moves} == {(b, a): n for a, b, n in back.moves}
    assert differences(one, one, name_of=named).mean_moved == 0.0
