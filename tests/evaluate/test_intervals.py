"""What every interval promises. A new file in `evaluate/intervals/` is tested here without an edit."""

import math

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.evaluate.estimators import dr
from policyloop.evaluate.intervals import anytime_bernstein
from policyloop.evaluate.moments import moments, skewness
from policyloop.evaluate.reading import INTERVALS
from policyloop.evaluate.weighed import weigh

REACH = (-15.0, 15.0)  # which no contribution there leaves: weights are at most 8, residuals at most 1.3


@pytest.fixture(params=plugins.ours(INTERVALS))
def interval(request):
    return plugins.load(INTERVALS, request.param)


def contributions(world, n, seed):
    """DR contributions and weights of the small world, rewards held within bounds that do not move their means."""
    data = world(n, seed)
    weighed = weigh(data.reward, data.propensity, **data.given())
    return dr.contributions(weighed).values(), weighed.weight


def covers(interval, world, truth, *, n, runs, level=0.95):
    """How many of so many logs have the truth between the bounds."""
    covered = 0
    for seed in range(runs):
        values, weight = contributions(world, n, 50_000 + seed)
        low, high = interval.interval(values, level=level, weight=weight, low=REACH[0], high=REACH[1])
        covered += low <= truth <= high
    return covered


def test_the_truth_is_covered_as_often_as_it_says(interval, world, true_value):
    covered = covers(interval, world, true_value, n=2000, runs=100)

    assert covered >= 88  # 95 of 100 expected; 88 is 3.2 standard deviations below


@pytest.mark.slow
def test_exact_ones_cover_at_least_95_percent_and_asymptotic_ones_93_to_97(interval, world, true_value):
    covered = covers(interval, world, true_value, n=10_000, runs=1000)

    assert covered >= (950 if interval.IS_EXACT else 930)
    if not interval.IS_EXACT and "anytime" not in interval.__name__:  # those cover at all times, so more at any one
        assert covered <= 970


def test_more_examples_make_it_narrower_and_a_higher_level_wider(interval, world):
    def width(n, level):
        values, weight = contributions(world, n, 3)
        low, high = interval.interval(values, level=level, weight=weight, low=REACH[0], high=REACH[1])
        return high - low

    assert width(8000, 0.95) < width(500, 0.95)
    assert width(500, 0.8) < width(500, 0.99)


def test_two_equal_looks_give_equal_bounds_and_leave_the_values_alone(interval, world):
    values, weight = contributions(world, 200, 4)
    before = values.copy()

    first, second = (interval.interval(values, level=0.9, weight=weight, low=REACH[0], high=REACH[1]) for _ in range(2))

    assert first == second
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize("n", [0, 1])
def test_nothing_is_said_of_one_example_or_none(interval, n):
    low, high = interval.interval(np.zeros(n), level=0.95, weight=np.ones(n))

    assert not high - low < math.inf  # infinite, or not a number


def test_an_exact_one_says_nothing_where_the_reach_is_not_known(interval):
    if not interval.IS_EXACT:
        pytest.skip("it does not need to know the reach")

    assert interval.interval(np.arange(100.0), level=0.95) == (-math.inf, math.inf)


def test_an_exact_one_covers_rare_rewards_that_the_normal_one_does_not():
    rate, n, runs = 0.0005, 2000, 200
    rng = np.random.default_rng(11)
    logs = [(rng.random(n) < rate).astype(np.float64) for _ in range(runs)]
    covered = {}

    for name in plugins.ours(INTERVALS):
        bounds = [plugins.load(INTERVALS, name).interval(log, level=0.95, weight=np.ones(n), low=0.0, high=1.0) for log in logs]
        covered[name] = sum(low <= rate <= high for low, high in bounds)

    assert covered["normal"] < 150  # 190 expected of an honest one
    assert covered["empirical_bernstein"] >= 190
    assert covered["anytime_bernstein"] >= 190
    assert covered["empirical_likelihood"] > covered["normal"]  # it thinks of the reward that has not come


def test_the_sequence_covers_at_all_times_at_once():
    rng, misses = np.random.default_rng(5), 0
    for _ in range(100):
        x = (rng.random(2000) < 0.3).astype(np.float64)
        low, high = anytime_bernstein.sequence(x, alpha=0.05)
        misses += bool(((low > 0.3) | (high < 0.3)).any())

    assert misses <= 12  # 5 expected at most; 12 is 3.2 standard deviations above


def test_weights_that_do_not_add_up_move_the_empirical_likelihood_towards_what_they_should_be():
    found = plugins.load(INTERVALS, "empirical_likelihood")
    weight = np.array([2.0, 1.0, 0.0, 3.0])  # mean 1.5
    values = 2 * weight

    low, high = found.interval(values, level=0.95, weight=weight)

    assert (low, high) == pytest.approx((2.0, 2.0))  # values are twice the weight, whose true mean is 1


def test_where_the_normal_interval_fails_the_skewness_says_so():
    rng = np.random.default_rng(2)
    for rate, is_honest in ((0.05, True), (0.0005, False)):
        logs = [(rng.random(4000) < rate).astype(np.float64) for _ in range(200)]
        normal = plugins.load(INTERVALS, "normal")
        covered = sum(low <= rate <= high for low, high in (normal.interval(log, level=0.95) for log in logs))
        lopsided = [skewness(4000, lambda part, log=log: log[part]) / math.sqrt(4000) for log in logs]

        assert (covered >= 180) == is_honest
        assert (np.median(lopsided) < 0.2) == is_honest


def test_the_empirical_bernstein_bound_by_hand():
    found = plugins.load(INTERVALS, "empirical_bernstein")
    values = np.array([0.0, 1.0] * 5000)

    low, high = found.interval(values, level=0.95, low=0.0, high=1.0)

    half = math.sqrt(2 * (2500 / 9999) * math.log(80) / 10_000) + 7 * math.log(80) / (3 * 9999)
    assert (low, high) == pytest.approx((0.5 - half, 0.5 + half))
    assert moments(10_000, lambda part: values[part]).squares == pytest.approx(2500)
