"""A finite problem: values and optimum against numbers that one can count on paper."""

import numpy as np
import pytest

from policyloop.simulate.finite import FiniteProblem, certain

# Two states; `stay` keeps the state, `go` changes it. Staying in the second earns 1.
TWO = FiniteProblem(
    transition=np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]),
    reward=np.array([[0.0, 0.0], [1.0, 0.0]]),
    start=np.array([1.0, 0.0]),
    discount=0.5,
)


def test_values_by_hand():
    # second: 1 + 0.5 + 0.25 ... = 2; first: go, then that: 0.5 * 2
    np.testing.assert_allclose(TWO.values(certain(np.array([1, 0]), 2)), [1.0, 2.0])


def test_the_best_goes_and_stays():
    assert TWO.best().tolist() == [1, 0]


def test_steps_that_count_are_all_that_count():
    assert TWO.value(certain(np.array([1, 0]), 2), n_steps=3) == pytest.approx(0.5 + 0.25)


def test_a_row_that_lacks_something_may_end():
    ends = FiniteProblem(transition=np.array([[[0.5]]]), reward=np.array([[1.0]]), start=np.array([1.0]), discount=1.0)

    assert ends.value(np.array([[1.0]])) == pytest.approx(2.0)
