"""Self-normalised DR: the corrections are a weighted mean."""

import math

import numpy as np
import pytest

from policyloop.evaluate.estimators import dm, dr, sndr, snips

LOG = {"action": [0, 1, 0], "target_pmf": [[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]}
REWARD, PROPENSITY = [1.0, 0.0, 1.0], [0.5, 0.5, 0.25]  # weights 2, 1, 2
PREDICTED = [[0.6, 0.2], [0.4, 0.2], [0.5, 0.3]]


def test_by_hand():
    got = sndr.estimate(REWARD, PROPENSITY, **LOG, predicted=PREDICTED)

    # predictions .6, .3, .4; corrections .4, -.2, .5 with weights 2, 1, 2: (.8 - .2 + 1) / 5
    assert got.value == pytest.approx((0.6 + 0.3 + 0.4) / 3 + 1.6 / 5)
    assert got.ess == pytest.approx(25 / 9)


def test_without_a_model_it_is_snips(world):
    data = world(300, 1)
    given = data.given(predicted=np.zeros((300, 3)))

    got, same = sndr.estimate(data.reward, data.propensity, **given), snips.estimate(data.reward, data.propensity, **given)

    assert (got.value, got.stderr, got.ess) == pytest.approx((same.value, same.stderr, same.ess))


def test_weights_that_add_up_make_it_dr():
    log = {"action": [0, 1, 0, 1], "target_pmf": np.full((4, 2), 0.5), "predicted": np.full((4, 2), 0.3)}
    reward, propensity = [1.0, 0.0, 0.5, 1.0], [0.5] * 4

    assert sndr.estimate(reward, propensity, **log).value == pytest.approx(dr.estimate(reward, propensity, **log).value)


def test_a_model_that_is_right_everywhere_is_not_corrected(world):
    data = world(50, 2)
    expected = data.truth[np.arange(50), data.action]

    got = sndr.estimate(expected, data.propensity, **data.given())

    assert got.value == pytest.approx(dm.estimate(expected, data.propensity, **data.given()).value)


def test_no_weight_gives_no_value():
    got = sndr.estimate([1.0, 1.0], [0.5, 0.5], action=[0, 0], target_pmf=[[0.0, 1.0]] * 2, predicted=np.zeros((2, 2)))

    assert math.isnan(got.value)
    assert (got.stderr, got.ess) == (math.inf, 0.0)
