"""Inverse propensity scoring: numbers worked by hand."""

import numpy as np
import pytest

from policyloop.evaluate.estimators import ips

REWARD = np.array([1.0, 0.0, 1.0, 0.5])
PROPENSITY = np.array([0.5, 0.5, 0.25, 1.0])
ACTION = np.array([0, 1, 0, 1])
PMF = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])


def test_is_the_mean_of_weight_times_reward():
    got = ips.estimate(REWARD, PROPENSITY, action=ACTION, target_pmf=PMF)

    # weights 1, 1, 2, 1; gains 1, 0, 2, .5: mean .875, squared deviations sum to 2.1875
    assert got.value == 0.875
    assert got.stderr == pytest.approx(np.sqrt(2.1875 / 3 / 4))
    assert got.ess == pytest.approx(25 / 7)


def test_on_policy_it_is_the_plain_mean(world, logging_pmf):
    data = world(300, 5, target=logging_pmf)

    got = ips.estimate(data.reward, data.propensity, **data.given())

    assert got.value == pytest.approx(data.reward.mean(), abs=1e-12)
    assert got.ess == pytest.approx(300)


def test_a_policy_that_never_takes_the_logged_actions_has_no_evidence():
    never = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])

    got = ips.estimate(REWARD, PROPENSITY, action=ACTION, target_pmf=never)

    assert (got.value, got.ess) == (0.0, 0.0)
