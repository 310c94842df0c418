"""Self-normalised inverse propensity scoring: numbers worked by hand, and what normalising buys."""

import numpy as np
import pytest

from policyloop.evaluate.estimators import ips, snips

REWARD = np.array([1.0, 0.0, 1.0, 0.5])
PROPENSITY = np.array([0.5, 0.5, 0.25, 1.0])
ACTION = np.array([0, 1, 0, 1])
PMF = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0]])


def test_is_the_weighted_mean_of_rewards():
    got = snips.estimate(REWARD, PROPENSITY, action=ACTION, target_pmf=PMF)

    # weights 1, 1, 2, 1: value 3.5 / 5; w (r - .7) = .3, -.7, .6, -.2, squares sum to .98
    assert got.value == pytest.approx(0.7)
    assert got.stderr == pytest.approx(np.sqrt(0.98 * 4 / 3) / 5)


@pytest.mark.parametrize("shift", [-3.0, 10.0])
def test_a_constant_added_to_every_reward_moves_the_value_by_as_much_and_nothing_else(world, shift):
    data = world(200, 2)

    plain = snips.estimate(data.reward, data.propensity, **data.given())
    moved = snips.estimate(data.reward + shift, data.propensity, **data.given())

    assert moved.value - plain.value == pytest.approx(shift)
    assert moved.stderr == pytest.approx(plain.stderr)


def test_is_calmer_than_ips_when_rewards_are_far_from_zero(world):
    data = world(500, 4)

    normalised = snips.estimate(data.reward + 10, data.propensity, **data.given())
    plain = ips.estimate(data.reward + 10, data.propensity, **data.given())

    assert normalised.stderr < plain.stderr / 5


def test_without_any_overlap_there_is_no_value():
    never = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])

    got = snips.estimate(REWARD, PROPENSITY, action=ACTION, target_pmf=never)

    assert np.isnan(got.value)
    assert (got.stderr, got.ess) == (np.inf, 0.0)
