"""DRos: weights shrink, the larger ones the more."""

import math

import numpy as np
import pytest

from policyloop.evaluate.estimators import dm, dr, dr_os, ips

LOG = {"action": [0, 1], "target_pmf": [[1.0, 0.0], [0.5, 0.5]]}
REWARD, PROPENSITY = [1.0, 0.0], [0.5, 0.5]  # weights 2, 1
PREDICTED = [[0.6, 0.2], [0.4, 0.2]]


def test_by_hand():
    got = dr_os.estimate(REWARD, PROPENSITY, **LOG, predicted=PREDICTED, strength=4.0)

    # 4 * 2 / (4 + 4) = 1 and 4 * 1 / (1 + 4) = .8: (.6 + 1 * .4 + .3 - .8 * .2) / 2
    assert got.value == pytest.approx((1.0 + 0.14) / 2)
    assert got.ess == pytest.approx(1.8**2 / 1.64)
    lost = ((2 - 1) * 0.4 + (1 - 0.8) * -0.2) / 2
    assert got.stderr == pytest.approx(math.hypot(np.std([1.0, 0.14], ddof=1) / 2**0.5, lost))


def test_a_weight_of_the_root_of_the_strength_is_halved():
    got = dr_os.estimate([1.0], [0.25], action=[0], target_pmf=[[1.0]], predicted=[[0.0]], strength=16.0)

    assert got.value == pytest.approx(2.0)


@pytest.mark.parametrize(("strength", "same"), [(math.inf, dr), (0.0, dm)])
def test_at_its_ends_it_is_dr_and_dm(world, strength, same):
    data = world(300, 1)

    got = dr_os.estimate(data.reward, data.propensity, **data.given(), strength=strength)

    assert got.value == pytest.approx(same.estimate(data.reward, data.propensity, **data.given()).value)


def test_without_a_model_it_shrinks_ips(world):
    data = world(300, 3)
    given = data.given(predicted=np.zeros((300, 3)))

    assert dr_os.estimate(data.reward, data.propensity, **given, strength=math.inf).value == pytest.approx(
        ips.estimate(data.reward, data.propensity, **given).value
    )
