"""Replicates: the same regression under other weights; in pieces as at once, and apart as much as the data are noisy."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.learn.learners import linear
from policyloop.learn.replicates import Replicates
from policyloop.policy.needs import BOOTSTRAP


def batch(n, *, seed=4, noise=0.5, k=3):
    rng = np.random.default_rng(seed)
    x = np.column_stack([np.ones(n), rng.normal(size=(n, 2))])
    action = rng.integers(k, size=n)
    return ExampleBatch(
        features=x,
        allowed=np.ones((n, k), dtype=bool),
        action=action,
        reward=x[:, 1] * (action - 1) + noise * rng.normal(size=n),
        propensity=np.full(n, 1 / k),
        decided_at=np.arange(n) * 1_000_000,
    )


def learner(n_replicates=40, **settings):
    rng = np.random.default_rng(7)
    return linear.create(
        n_actions=3, n_features=3, rng=rng, reward_default=0.0, needs=BOOTSTRAP, n_replicates=n_replicates, **settings
    )


def test_a_replicate_is_the_weighted_ridge_regression():
    replicates = Replicates(2, 1, 1, seed=3)
    weights = np.array([[1.0, 2.0], [3.0, 0.0]])

    replicates.add(0, np.ones((2, 1)), np.array([1.0, 5.0]), weights)

    # replicate 0: (1 * 1 + 3 * 5) / (1 + 3 + ridge 4); replicate 1: 2 * 1 / (2 + 4); the prior .5 weighs as much as the ridge
    np.testing.assert_allclose(replicates.solve(1, 4.0, 0.0), [[[2.0]], [[1 / 3]]])
    np.testing.assert_allclose(replicates.solve(1, 4.0, 0.5), [[[18 / 8]], [[4 / 6]]])


def test_one_example_at_a_time_is_all_at_once():
    whole, single = Replicates(5, 2, 3, seed=3), Replicates(5, 2, 3, seed=3)
    rng = np.random.default_rng(1)
    x, gain = rng.normal(size=(20, 3)), rng.normal(size=20)
    whole.add(1, x, gain, whole.next_weights(20))
    for i in range(20):
        single.add(1, x[i : i + 1], gain[i : i + 1], single.next_weights(1))

    np.testing.assert_allclose(single.solve(3, 1.0, 0.1), whole.solve(3, 1.0, 0.1), atol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"half_life_s": 50.0}, {"max_weight": 2.0}], ids=str)
def test_learning_in_pieces_is_learning_at_once(settings):
    rows, whole, pieces = batch(300), learner(**settings), learner(**settings)
    whole.learn(rows)
    for start, stop in [(0, 1), (1, 2), (2, 40), (40, 300)]:
        pieces.learn(rows[start:stop])

    one, two = whole.reward_model(n_draws=40), pieces.reward_model(n_draws=40)

    np.testing.assert_allclose(one.draws, two.draws, atol=1e-9)


def test_equal_examples_and_seed_give_equal_bits():
    one, two = learner(), learner()
    one.learn(batch(100))
    two.learn(batch(100))

    assert one.reward_model(n_draws=40).draws.tobytes() == two.reward_model(n_draws=40).draws.tobytes()


def test_replicates_lie_around_the_weights_as_far_as_the_standard_errors_say():
    it = learner(n_replicates=200)
    it.learn(batch(6000))

    model = it.reward_model(n_draws=200)
    x = np.array([1.0, 0.0, 0.0])
    found = model.predict(x)

    # the mean of 2,000 rewards with noise .5: a standard error of .5 / sqrt(2000), to within a fifth
    np.testing.assert_allclose(found.draws.std(axis=0), 0.5 / 2000**0.5, rtol=0.2)
    np.testing.assert_allclose(found.draws.mean(axis=0), found.mean, atol=4 * 0.5 / 2000**0.5 / 200**0.5 + 2e-3)


def test_more_models_than_fit_into_memory_are_refused():
    with pytest.raises(BadSetting, match=r"explore\.n_draws is 256; with 100 actions of 1,000 features .* into 1,024 MiB"):
        linear.create(
            n_actions=100,
            n_features=1000,
            rng=np.random.default_rng(1),
            reward_default=0.0,
            needs=BOOTSTRAP,
            n_replicates=256,
        )
