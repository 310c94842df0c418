"""The doubly robust estimate: it agrees with its parents, and is right when either of them is."""

import numpy as np
import pytest

from policyloop.core.errors import Invalid
from policyloop.evaluate.estimators import dm, dr, ips


def test_is_prediction_plus_weighted_surprise():
    got = dr.estimate(
        np.array([1.0, 0.0]),
        np.array([0.5, 0.25]),
        action=np.array([0, 1]),
        target_pmf=np.array([[0.5, 0.5], [0.5, 0.5]]),
        predicted=np.array([[0.5, 0.1], [0.4, 0.2]]),
    )

    # .3 + 1 * (1 - .5) = .8 and .3 + 2 * (0 - .2) = -.1
    assert got.value == pytest.approx(0.35)
    assert got.stderr == pytest.approx(0.45)
    assert got.ess == pytest.approx(9 / 5)


def test_with_a_zero_model_it_is_ips(world):
    data = world(300, 6)

    doubly = dr.estimate(data.reward, data.propensity, **data.given(predicted=np.zeros_like(data.truth)))
    plain = ips.estimate(data.reward, data.propensity, **data.given())

    assert doubly.value == pytest.approx(plain.value, abs=1e-12)
    assert doubly.stderr == pytest.approx(plain.stderr, abs=1e-12)
    assert doubly.ess == plain.ess


def test_with_rewards_just_as_predicted_it_is_dm(world):
    data = world(300, 6)
    reward = data.truth[np.arange(300), data.action]

    doubly = dr.estimate(reward, data.propensity, **data.given())
    direct = dm.estimate(reward, data.propensity, **data.given())

    assert doubly.value == pytest.approx(direct.value, abs=1e-12)


def test_is_right_with_a_wrong_model_and_true_propensities(world, true_value):
    data = world(20_000, 7)

    got = dr.estimate(data.reward, data.propensity, **data.given(predicted=1 - data.truth))

    assert abs(got.value - true_value) < 4 * got.stderr


def test_is_right_with_a_true_model_and_wrong_propensities(world, true_value):
    data = world(20_000, 8)

    got = dr.estimate(data.reward, np.full(20_000, 1 / 3), **data.given())

    assert abs(got.value - true_value) < 4 * got.stderr


def test_a_good_model_makes_it_calmer_than_ips(world):
    data = world(1000, 9)

    doubly = dr.estimate(data.reward, data.propensity, **data.given())
    plain = ips.estimate(data.reward, data.propensity, **data.given())

    assert doubly.stderr < plain.stderr / 2


def test_without_predictions_it_says_what_it_needs(world):
    data = world(5, 1)

    with pytest.raises(Invalid, match="dr needs the expected reward of each action"):
        dr.estimate(data.reward, data.propensity, **data.given(predicted=None))
