"""Simultaneous intervals: all hold at once as often as they say, and cost no more than the means' likeness asks for."""

from statistics import NormalDist

import numpy as np
import pytest

from policyloop.evaluate.simultaneous import simultaneous_z

ONE = NormalDist().inv_cdf(0.975)


def test_one_mean_asks_for_the_usual_interval():
    assert simultaneous_z(np.random.default_rng(0).normal(size=(1, 500))) == pytest.approx(ONE)
    assert simultaneous_z(np.zeros((0, 0))) == pytest.approx(ONE)


def test_means_that_never_move_ask_for_nothing():
    phi = np.zeros((3, 500))
    phi[1] = np.random.default_rng(0).normal(size=500)

    assert simultaneous_z(phi) == pytest.approx(ONE)


def test_unrelated_means_ask_for_sidaks_and_equal_means_for_one():
    phi = np.random.default_rng(1).normal(size=(3, 20_000))
    sidak = NormalDist().inv_cdf(0.5 + 0.95 ** (1 / 3) / 2)

    assert simultaneous_z(phi) == pytest.approx(sidak, abs=0.04)
    assert simultaneous_z(np.tile(phi[0], (3, 1))) == pytest.approx(ONE, abs=0.04)


def test_all_intervals_hold_at_once_in_95_of_100_logs():
    rng = np.random.default_rng(2)
    n_logs, n, held = 400, 200, 0
    for _ in range(n_logs):
        shared = rng.normal(size=n)
        phi = 0.7 * shared + rng.exponential(size=(4, n)) - 1.0  # true means 0
        stderr = phi.std(axis=1, ddof=1) / np.sqrt(n)
        held += bool((np.abs(phi.mean(axis=1)) <= simultaneous_z(phi, seed=3) * stderr).all())

    assert abs(held / n_logs - 0.95) < 4 * np.sqrt(0.95 * 0.05 / n_logs)
