"""VW as explorer: its probabilities among what is allowed, worked by hand."""

import numpy as np
import pytest

from policyloop.policy.explorers.vw import Own


def test_the_models_own_probabilities_are_taken_as_they_are():
    assert Own().probabilities([0.1, 0.9, 0.2], np.array([[0.5, 0.25, 0.25]])) == [0.5, 0.25, 0.25]


def test_what_is_left_of_them_where_others_are_masked_keeps_its_proportions():
    assert Own().probabilities([0.1, 0.9], np.array([[0.1, 0.3]])) == pytest.approx([0.25, 0.75], abs=1e-15)


def test_where_nothing_is_left_the_best_gets_it():
    assert Own().probabilities([0.1, 0.9, 0.9], np.array([[0.0, 0.0, 0.0]])) == [0.0, 0.5, 0.5]


def test_many_decisions_get_what_each_gets_alone():
    mean = np.random.default_rng(1).normal(size=(30, 4))
    own = np.random.default_rng(2).random((30, 1, 4))
    own[3] = 0.0

    together = np.stack(Own().probabilities(list(mean.T), own), axis=-1)

    alone = [Own().probabilities(row.tolist(), one) for row, one in zip(mean, own, strict=True)]
    np.testing.assert_allclose(together, alone, atol=1e-15)
