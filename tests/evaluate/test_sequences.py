"""Weights of whole episodes, and the histories that have none to give."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.errors import Invalid, NoOverlap
from policyloop.evaluate.sequences import Sequences, ratios
from policyloop.evaluate.target import Target, target_of_labels
from small_histories import history_of


def target(p, n):
    return Target(pmf=np.tile([1 - p, p], (n, 1)), next_pmf=np.tile([1 - p, p], (n, 1)))


def numbers(kind="density"):
    history = history_of([[0, 1]], [[0, 0]], [[1.0, 1.0]], kind=kind)
    return replace(history, action=np.empty((2, 0), dtype=np.int32), action_value=np.zeros((2, 1), dtype=np.float32), pmf=None)


def test_weights_multiply_from_step_to_step_and_start_anew_with_every_episode():
    history = history_of([[0, 1, 2], [0]], [[1, 1, 0], [1]], [[0] * 3, [0]])
    told = Sequences(transitions=history, ratio=ratios(history, target(0.75, 4)))

    np.testing.assert_allclose(told.weighed(), [1.5, 1.5**2, 1.5**2 * 0.5, 1.5])


def test_unknown_propensities_are_refused_and_the_way_out_is_named():
    history = history_of([[0, 1]], [[0, 0]], [[1.0, 1.0]], propensity=np.nan, kind="unknown")

    with pytest.raises(NoOverlap, match=r"of 2 of 2 steps the propensity is unknown.*Log the chance.*fqe needs none"):
        ratios(history, target(0.5, 2))


def test_a_policy_that_does_what_the_log_never_could_is_refused():
    history = replace(history_of([[0, 1]], [[0, 0]], [[1.0, 1.0]], propensity=1.0), pmf=np.array([[1.0, 0.0], [1.0, 0.0]]))

    with pytest.raises(NoOverlap, match="at 2 of 2 steps the target policy would do something that had the chance 0"):
        ratios(history, target(0.5, 2))


def test_a_policy_of_numbers_that_never_varies_is_refused_with_the_reason():
    with pytest.raises(NoOverlap, match=r"never varies and actions are numbers.*with the chance 0"):
        ratios(numbers(), Target(acts=np.zeros((1, 2, 1)), next_acts=np.zeros((1, 2, 1))))


def test_a_log_of_numbers_that_did_not_vary_is_refused_with_the_reason():
    varies = Target(acts=np.zeros((1, 2, 1)), next_acts=np.zeros((1, 2, 1)), density=np.ones(2))

    with pytest.raises(NoOverlap, match="2 of 2 logged steps did not come from a density"):
        ratios(numbers(kind="point"), varies)


def test_densities_are_weighed_by_densities():
    varies = Target(acts=np.zeros((1, 2, 1)), next_acts=np.zeros((1, 2, 1)), density=np.array([1.0, 0.25]))

    np.testing.assert_allclose(ratios(numbers(), varies), [2.0, 0.5])


def test_a_target_whose_rows_are_no_probabilities_is_refused_with_its_place():
    history = history_of([[0, 1]], [[0, 0]], [[1.0, 1.0]])

    with pytest.raises(Invalid, match=r"pmf\[0\]"):
        target_of_labels(lambda state: np.full((len(state), 2), 0.7), history)
