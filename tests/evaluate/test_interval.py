"""Intervals: the normal one for one look, the wider one for looking as often as one likes."""

import math

import numpy as np
import pytest

from policyloop.core.estimate import Estimate
from policyloop.evaluate.interval import anytime_interval, anytime_upper_bound, mean_estimate, upper_bound


def test_the_mean_comes_with_its_standard_error():
    got = mean_estimate("x", np.array([1.0, 2.0, 3.0, 6.0]), ess=3.0)

    assert got == Estimate("x", 3.0, pytest.approx(np.sqrt(14 / 3 / 4)), 4, 3.0)


def test_the_upper_bound_for_one_look_is_the_normal_one():
    assert upper_bound(Estimate("x", 1.0, 0.1, 100, 100), alpha=0.05) == pytest.approx(1.16448536)


def test_the_bound_for_any_number_of_looks_is_the_paper_s():
    n, sigma, alpha = 200, 2.0, 0.05
    rho2 = (-2 * np.log(0.1) + np.log(1 - 2 * np.log(0.1))) / 500
    by_the_paper = sigma * np.sqrt(2 * (n * rho2 + 1) / (n**2 * rho2) * np.log(1 + np.sqrt(n * rho2 + 1) / (2 * alpha)))

    got = anytime_upper_bound(Estimate("x", 0.0, sigma / np.sqrt(n), n, n), alpha=alpha)

    assert got == pytest.approx(by_the_paper)


def test_the_bound_for_any_number_of_looks_is_wider_than_for_one():
    for n in (30, 500, 10_000):
        estimate = Estimate("x", 0.0, 1.0, n, n)
        assert upper_bound(estimate, alpha=0.05) < anytime_upper_bound(estimate, alpha=0.05) < 5


def test_a_truth_of_zero_is_left_below_by_chance_at_most_as_often_as_alpha_over_all_looks():
    rng = np.random.default_rng(11)
    runs, n, first = 400, 3000, 30
    values = rng.exponential(1.0, (runs, n)) - 1.0  # skewed, mean 0

    ever = 0
    for row in values:
        looks = range(first, n, 30)
        ever += any(anytime_upper_bound(mean_estimate("x", row[:t], ess=t), alpha=0.05) < 0 for t in looks)

    assert ever <= 34  # 5 % of 400 is 20; 34 is three standard deviations above


def test_one_example_bounds_nothing():
    assert anytime_upper_bound(mean_estimate("x", np.array([1.0]), ess=1.0), alpha=0.05) == np.inf
    assert upper_bound(mean_estimate("x", np.array([1.0]), ess=1.0), alpha=0.05) == np.inf


def test_the_two_sided_bound_for_any_number_of_looks_covers_at_all_of_them():
    misses = 0
    for seed in range(200):
        values = np.random.default_rng(seed).normal(0.3, 1.0, 3000)
        looks = (anytime_interval(mean_estimate("dr", values[:n], ess=n), alpha=0.05) for n in range(50, 3001, 50))
        misses += not all(low <= 0.3 <= high for low, high in looks)

    assert misses <= 19  # 10 expected at most; 19 is 3 standard deviations above


def test_the_two_sided_bound_lies_evenly_around_the_mean_and_says_nothing_of_one_value():
    low, high = anytime_interval(mean_estimate("dr", np.arange(100.0), ess=100), alpha=0.05)

    assert (low + high) / 2 == pytest.approx(49.5)
    assert anytime_interval(mean_estimate("dr", np.ones(1), ess=1), alpha=0.05) == (-math.inf, math.inf)
