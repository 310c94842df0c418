"""Switch-DR: examples of too large a weight correct nothing."""

import math

import numpy as np
import pytest

from policyloop.evaluate.estimators import dm, dr, switch_dr

LOG = {"action": [0, 1, 0], "target_pmf": [[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]}
REWARD, PROPENSITY = [1.0, 0.0, 1.0], [0.1, 0.5, 0.25]  # weights 10, 1, 2
PREDICTED = [[0.6, 0.2], [0.4, 0.2], [0.5, 0.3]]


def test_by_hand():
    got = switch_dr.estimate(REWARD, PROPENSITY, **LOG, predicted=PREDICTED, tau=2.0)

    # predictions .6, .3, .4; corrections -.2 and 2 * .5 are made, 10 * .4 is not
    assert got.value == pytest.approx((0.6 + 0.3 - 0.2 + 0.4 + 1.0) / 3)
    assert got.stderr == pytest.approx(math.hypot(np.std([0.6, 0.1, 1.4], ddof=1) / 3**0.5, 4 / 3))
    assert got.ess == pytest.approx(9 / 5)


def test_with_no_bound_it_is_dr(world):
    data = world(300, 1)

    got = switch_dr.estimate(data.reward, data.propensity, **data.given(), tau=math.inf)
    same = dr.estimate(data.reward, data.propensity, **data.given())

    assert (got.value, got.stderr, got.ess) == pytest.approx((same.value, same.stderr, same.ess))


def test_with_a_bound_of_nothing_it_is_dm(world):
    data = world(300, 1)

    got = switch_dr.estimate(data.reward, data.propensity, **data.given(), tau=0.0)

    assert got.value == pytest.approx(dm.estimate(data.reward, data.propensity, **data.given()).value)
    assert got.ess == 0.0


def test_a_wrong_model_that_nothing_corrects_shows_in_the_error(world, true_value):
    data = world(2000, 2)

    got = switch_dr.estimate(data.reward, data.propensity, **data.given(predicted=np.zeros((2000, 3))), tau=1.0)

    assert abs(got.value - true_value) > 0.2
    assert abs(got.value - true_value) < 2 * got.stderr
