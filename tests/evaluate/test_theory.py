"""Doubly robust estimates are about as good as can be: their error is what theory says, in a world of known truth.

The world: 5 numbers a context, 10 actions, rewards linear in the context with noise, a softmax logging policy. The bound is
the variance that no unbiased estimator can be below (Dudík et al. 2014, theorem 2, with a true model).
"""

import numpy as np
import pytest

from policyloop.evaluate.estimators import dr, ips

D, K, NOISE = 5, 10, 0.5


class World:
    """Known in all its parts."""

    def __init__(self):
        rng = np.random.default_rng(41)
        self.reward_of = rng.normal(0, 0.5, (D, K))
        self.logging_by = rng.normal(0, 0.4, (D, K))
        self.target_by = rng.normal(0, 0.4, (D, K))

    def contexts(self, n, rng):
        return rng.normal(size=(n, D))

    def log(self, n, rng):
        x = self.contexts(n, rng)
        pmf = softmax(x @ self.logging_by)
        action = (rng.random(n)[:, None] > pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
        rows = np.arange(n)
        reward = (x @ self.reward_of)[rows, action] + rng.normal(0, NOISE, n)
        return x, action, reward, pmf[rows, action]

    def target(self, x):
        return softmax(x @ self.target_by)

    def learned(self, rng, n=4000):
        """A model of each action's reward, from a log of its own."""
        x, action, reward, _ = self.log(n, rng)
        return np.stack([ridge(x[action == a], reward[action == a]) for a in range(K)], axis=1)

    def value_and_bound(self):
        """The target's true value, and n times the variance of the best unbiased estimate."""
        x = self.contexts(100_000, np.random.default_rng(1))
        target, mean = self.target(x), x @ self.reward_of
        of_context = (target * mean).sum(axis=1)
        weights = (target**2 / softmax(x @ self.logging_by)).sum(axis=1)
        return of_context.mean(), of_context.var() + NOISE**2 * weights.mean()


def softmax(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def ridge(x, y):
    return np.linalg.solve(x.T @ x + np.eye(D), x.T @ y)


def errors(estimator, *, runs, n=1000):
    """How far so many estimates are from the truth."""
    world = World()
    truth, bound = world.value_and_bound()
    rng = np.random.default_rng(77)
    found = []
    for _ in range(runs):
        model = world.learned(rng)
        x, action, reward, propensity = world.log(n, rng)
        given = {"action": action, "target_pmf": world.target(x), "predicted": x @ model}
        found.append(estimator.estimate(reward, propensity, **given).value - truth)
    return np.array(found), bound / n


def test_the_mean_squared_error_of_dr_is_near_the_least_possible():
    error, bound = errors(dr, runs=200)

    assert (error**2).mean() < 1.2 * bound


@pytest.mark.slow
def test_the_mean_squared_error_of_dr_is_near_the_least_possible_over_a_thousand_logs():
    error, bound = errors(dr, runs=1000)

    assert 0.85 * bound < (error**2).mean() < 1.2 * bound
    assert abs(error.mean()) < 4 * error.std() / 1000**0.5


def test_ips_is_far_from_it():
    error, bound = errors(ips, runs=60)

    assert (error**2).mean() > 1.5 * bound
