"""Scatter: simulated rewards have exactly the mean that is expected, and only values that the log has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.simulate.scatter import scatter_of


def clicks(n, *, seed=0):
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.02, 0.4, n)
    return (rng.random(n) < expected).astype(float), expected


def baskets(n, *, seed=0):
    """Most buy nothing, some buy a lot."""
    rng = np.random.default_rng(seed)
    expected = rng.uniform(0.5, 6.0, n)
    return np.where(rng.random(n) < expected / 20, rng.exponential(20.0, n), 0.0), expected


@pytest.mark.parametrize("logged", [clicks, baskets])
def test_the_mean_of_what_is_drawn_is_what_is_expected(logged):
    reward, expected = logged(4000)
    scatter = scatter_of(reward, expected)
    rng = np.random.default_rng(1)

    for mean in np.quantile(expected, [0.01, 0.3, 0.7, 0.99]):
        drawn = scatter.draw(np.full(40_000, mean), rng)
        assert abs(drawn.mean() - mean) < 4 * drawn.std() / 200


def test_where_rewards_were_0_or_1_they_are_0_or_1():
    scatter = scatter_of(*clicks(2000))

    drawn = scatter.draw(scatter.within(np.linspace(0, 1, 5000)), np.random.default_rng(1))

    assert set(drawn.tolist()) == {0.0, 1.0}


def test_rewards_scatter_as_they_do_in_the_log():
    reward, expected = baskets(20_000)
    scatter = scatter_of(reward, expected)

    drawn = scatter.draw(expected, np.random.default_rng(1))

    assert abs(drawn.mean() - expected.mean()) < 4 * drawn.std() / np.sqrt(20_000)
    assert drawn.std() == pytest.approx(reward.std(), rel=0.1)
    assert (drawn == 0).mean() == pytest.approx((reward == 0).mean(), abs=0.03)


def test_a_log_in_which_every_reward_was_the_same_gives_that_reward():
    scatter = scatter_of(np.full(50, 0.25), np.linspace(0, 1, 50))

    assert scatter.draw(scatter.within(np.linspace(0, 1, 9)), np.random.default_rng(0)).tolist() == [0.25] * 9


@given(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 3.0]), min_size=2, max_size=60), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_whatever_was_logged_only_that_comes_and_expectations_stay_within_it(rewards, seed):
    rng = np.random.default_rng(seed)
    reward = np.array(rewards)
    scatter = scatter_of(reward, rng.normal(size=len(reward)))

    expected = scatter.within(rng.normal(scale=5.0, size=200))

    assert (expected >= reward.min() - 1e-9).all()
    assert (expected <= reward.max() + 1e-9).all()
    assert set(scatter.draw(expected, rng).tolist()) <= set(rewards)


def test_of_many_different_rewards_some_stand_for_all():
    reward = np.random.default_rng(0).normal(size=5000)

    scatter = scatter_of(reward, np.zeros(5000))

    assert len(scatter.values) <= 32
    assert scatter.draw(np.zeros(40_000), np.random.default_rng(1)).std() == pytest.approx(1.0, abs=0.05)
