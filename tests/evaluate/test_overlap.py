"""Overlap: effective sample size and the share of the heaviest example."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from policyloop.core.errors import BadPropensity
from policyloop.evaluate.overlap import ess, importance_weights, overlap

WEIGHTS = arrays(np.float64, st.integers(1, 30), elements=st.floats(0, 1e200))


def test_equal_weights_count_in_full():
    assert ess(np.full(7, 0.3)) == pytest.approx(7.0)


def test_one_weight_counts_once_however_many_zeros_stand_beside_it():
    assert ess(np.array([0.0, 0.0, 5.0])) == 1.0


def test_no_weight_counts_nothing():
    assert ess(np.zeros(4)) == 0.0
    assert ess(np.array([])) == 0.0


@given(WEIGHTS)
def test_lies_between_one_and_the_number_of_examples_with_weight(weights):
    got = ess(weights)

    assert got <= np.count_nonzero(weights) * (1 + 1e-9)
    assert got >= (1 - 1e-9) * weights.any()


@given(WEIGHTS, st.floats(1e-3, 1e3))
def test_the_unit_of_the_weights_does_not_matter(weights, factor):
    assume(not ((weights > 0) & (weights < 1e-290)).any())  # a smaller one loses digits, or all of them, in another unit
    assert ess(weights * factor) == pytest.approx(ess(weights), rel=1e-6)


def test_overlap_by_hand():
    got = overlap(np.array([0.5, 0.25, 1.0]), np.array([0.5, 0.5, 0.0]))

    assert got.n == 3
    assert got.ess == pytest.approx(9 / 5)
    assert got.largest_share == pytest.approx(4 / 5)


def test_no_overlap_is_no_share():
    assert overlap(np.array([0.5]), np.array([0.0])).largest_share == 0.0


def test_a_bad_propensity_is_named():
    with pytest.raises(BadPropensity, match=r"propensity\[1\] is 0.0; expected a probability in \(0, 1\]"):
        importance_weights(np.array([0.5, 0.0]), np.array([0.5, 0.5]))


def test_the_shape_of_the_weights_by_hand():
    propensity = np.array([0.5] * 99 + [0.01])
    target = np.full(100, 0.5)  # weights 1, ninety-nine times, and 50

    got = overlap(propensity, target)

    assert got.largest == 50.0
    assert got.largest_share == got.tail_share == pytest.approx(2500 / 2599)
    assert got.mean_weight == pytest.approx(1.49)
    assert got.mean_weight_z == pytest.approx(0.49 / (np.r_[np.ones(99), 50].std(ddof=1) / 10))
    assert np.isnan(got.unsupported)


def test_heavy_weights_that_have_not_come_yet_widen_the_error_of_their_mean():
    logged = np.tile([0.99, 0.01], (50, 1))
    target = np.tile([0.5, 0.5], (50, 1))

    got = overlap(np.full(50, 0.99), np.full(50, 0.5), target_pmf=target, logged_pmf=logged)

    # The mean is .505 in each of 50 examples; E[w^2] = .25 / .99 + .25 / .01
    assert got.mean_weight_z == pytest.approx((0.5 / 0.99 - 1) / np.sqrt((0.25 / 0.99 + 25 - 1) / 50))


def test_rows_without_a_pmf_say_nothing_of_the_support():
    logged = np.array([[1.0, 0.0], [np.nan, np.nan]])

    got = overlap(np.ones(2), np.full(2, 0.5), target_pmf=np.full((2, 2), 0.5), logged_pmf=logged)

    assert got.unsupported == 0.5


def test_no_example_and_no_weight_have_a_shape_too():
    assert overlap(np.empty(0), np.empty(0)).n == 0
    assert overlap(np.ones(3), np.zeros(3)).mean_weight_z == -np.inf
