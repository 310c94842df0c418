"""The direct method: exactly what the model says."""

import numpy as np
import pytest

from policyloop.core.errors import Invalid
from policyloop.evaluate.estimators import dm

PMF = np.array([[0.5, 0.5], [1.0, 0.0]])
PREDICTED = np.array([[1.0, 0.0], [0.25, 9.0]])
UNKNOWN = np.full(2, np.nan)


def test_is_the_mean_of_what_the_model_expects_of_the_policy():
    got = dm.estimate(np.zeros(2), UNKNOWN, action=np.zeros(2, dtype=np.int64), target_pmf=PMF, predicted=PREDICTED)

    assert got.value == pytest.approx(0.375)
    assert got.stderr == pytest.approx(0.125)
    assert got.ess == 2.0


def test_a_perfect_model_gives_the_exact_value_on_the_contexts_seen(world):
    data = world(100, 1)
    exact = (data.target_pmf * data.truth).sum(axis=1).mean()

    got = dm.estimate(data.reward, data.propensity, **data.given())

    assert got.value == pytest.approx(exact, abs=1e-12)


def test_without_predictions_it_says_what_it_needs():
    with pytest.raises(Invalid, match="dm needs the expected reward of each action"):
        dm.estimate(np.zeros(2), UNKNOWN, action=np.zeros(2, dtype=np.int64), target_pmf=PMF)
