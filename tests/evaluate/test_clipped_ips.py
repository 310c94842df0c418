"""Clipped IPS: weights are held below a bound, and what that takes away is owned up to."""

import math

import numpy as np
import pytest

from policyloop.evaluate.estimators import clipped_ips, ips

LOG = {"action": [0, 1, 0, 0], "target_pmf": [[1.0, 0.0], [0.5, 0.5], [1.0, 0.0], [0.5, 0.5]]}
REWARD, PROPENSITY = [1.0, 1.0, 0.0, 2.0], [0.1, 0.5, 0.5, 0.5]  # weights 10, 1, 2, 1


def test_by_hand():
    got = clipped_ips.estimate(REWARD, PROPENSITY, **LOG, max_weight=4.0)

    # (4 + 1 + 0 + 2) / 4; what was clipped away is (10 - 4) * 1 / 4
    assert got.value == pytest.approx(7 / 4)
    spread = np.std([4, 1, 0, 2], ddof=1) / 2
    assert got.stderr == pytest.approx(math.hypot(spread, 1.5))
    assert got.ess == pytest.approx((4 + 1 + 2 + 1) ** 2 / (16 + 1 + 4 + 1))


def test_without_a_bound_it_is_ips():
    got = clipped_ips.estimate(REWARD, PROPENSITY, **LOG, max_weight=math.inf)
    same = ips.estimate(REWARD, PROPENSITY, **LOG)

    assert (got.value, got.stderr, got.ess) == pytest.approx((same.value, same.stderr, same.ess))


def test_a_bound_of_nothing_leaves_nothing():
    got = clipped_ips.estimate(REWARD, PROPENSITY, **LOG, max_weight=0.0)

    assert (got.value, got.ess) == (0.0, 0.0)
    assert got.stderr == pytest.approx(ips.estimate(REWARD, PROPENSITY, **LOG).value)


def test_its_own_bound_is_the_root_of_the_number_of_examples():
    assert clipped_ips.estimate(REWARD, PROPENSITY, **LOG) == clipped_ips.estimate(REWARD, PROPENSITY, **LOG, max_weight=2.0)


def test_the_value_and_what_was_clipped_away_are_ips_together(world):
    data = world(300, 1)

    got = clipped_ips.estimate(data.reward, data.propensity, **data.given(), max_weight=2.0)
    lost = np.maximum(data.target_pmf[np.arange(300), data.action] / data.propensity - 2.0, 0.0) * data.reward

    assert got.value + lost.mean() == pytest.approx(ips.estimate(data.reward, data.propensity, **data.given()).value)
