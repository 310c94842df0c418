"""The linear learner, against ridge regressions worked by hand."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.learn.learners.linear import create

HOUR_US = 3_600_000_000


def learner(**settings):
    given = {"n_actions": 2, "n_features": 2, "rng": np.random.default_rng(0), "reward_default": 0.0, **settings}
    return create(**given)


def batch(features, action, reward, *, decided_at=None, propensity=0.5):
    n = len(action)
    return ExampleBatch(
        features=np.array(features, dtype=float),
        allowed=np.ones((n, 2), dtype=bool),
        action=np.array(action),
        reward=np.array(reward, dtype=float),
        propensity=np.full(n, propensity),
        decided_at=np.array(decided_at if decided_at is not None else range(n), dtype=np.int64),
    )


def weights(made):
    _, tensors = made.reward_model().save()
    return tensors["weights"]


def test_two_examples_give_the_ridge_solution_worked_by_hand():
    made = learner()

    made.learn(batch([[1, 1], [1, -1]], [0, 0], [1.0, 0.0]))

    # Before there is anything to choose by, ridge 3 without products. Sums of action 0: gram [[2, 0], [0, 2]], moment
    # [1, 1]. The prior is half the mean reward, 1/4, for the constant: (gram + 3 I) w = moment + 3 [1/4, 0].
    np.testing.assert_allclose(weights(made)[0], [(1 + 0.75) / 5, 1 / 5])
    np.testing.assert_allclose(weights(made)[1], [0.25, 0])  # nothing is known of action 1


def test_correlated_features_give_the_ridge_solution_worked_by_hand():
    made = learner()

    made.learn(batch([[1, 2], [1, 0]], [1, 1], [2.0, 2.0]))

    # gram [[2, 2], [2, 4]], moment [4, 4], prior 1: [[5, 2], [2, 7]] w = [4 + 3, 4], whose determinant is 31
    np.testing.assert_allclose(weights(made)[1], [(7 * 7 - 2 * 4) / 31, (5 * 4 - 2 * 7) / 31])


def test_rewards_count_from_the_default():
    low, high = learner(), learner(reward_default=10.0)

    low.learn(batch([[1, 1], [1, -1]], [0, 0], [1.0, 0.0]))
    high.learn(batch([[1, 1], [1, -1]], [0, 0], [11.0, 10.0]))

    x = np.array([[1.0, 0.3]])
    np.testing.assert_allclose(high.reward_model().predict(x).mean, low.reward_model().predict(x).mean + 10)


def test_no_action_is_expected_to_bring_less_than_was_ever_seen():
    made = learner()
    made.learn(batch([[1, 1], [1, -1]], [0, 0], [1.0, 0.0]))

    assert made.reward_model().predict(np.array([1.0, -100.0])).mean[0] == 0.0


def test_an_example_weighs_half_after_a_half_life():
    faded, halved = learner(half_life_s=3600.0), learner(max_weight=1e9)

    faded.learn(batch([[1, 1], [1, 2]], [0, 0], [1.0, 0.0], decided_at=[0, HOUR_US]))
    halved.learn(batch([[1, 1]], [0], [1.0], propensity=1.0))
    halved.learn(batch([[1, 2]], [0], [0.0], propensity=0.5))  # weighs 2 where the other weighs 1

    # twice the weights with twice the ridge is the same: compare 1/2 : 1 at ridge 3 with 1 : 2 at ridge 6, by hand
    # 1/2 : 1: gram [[1.5, 2.5], [2.5, 4.5]], moment [.5, .5], prior 1/2 * .5 / 1.5 = 1/6
    expected = np.linalg.solve([[4.5, 2.5], [2.5, 7.5]], [0.5 + 3 / 6, 0.5])
    np.testing.assert_allclose(weights(faded)[0], expected)
    expected = np.linalg.solve([[6, 5], [5, 12]], [1 + 3 / 6, 1])  # gram [[3, 5], [5, 9]], moment [1, 1]
    np.testing.assert_allclose(weights(halved)[0], expected)


def test_an_unknown_propensity_weighs_one():
    known, unknown = learner(max_weight=10.0), learner(max_weight=10.0)

    known.learn(batch([[1, 1]], [0], [1.0], propensity=1.0))
    unknown.learn(batch([[1, 1]], [0], [1.0], propensity=np.nan))

    np.testing.assert_array_equal(weights(known), weights(unknown))


def products_world(n, *, noise):
    rng = np.random.default_rng(3)
    x = np.hstack([np.ones((n, 1)), rng.normal(size=(n, 3))])
    action = rng.integers(2, size=n)
    reward = np.where(action == 0, x[:, 1] * x[:, 2], x[:, 3]) + rng.normal(scale=noise, size=n)
    return batch(x, action, reward)


def test_products_are_used_where_they_predict_better():
    made = learner(n_features=4)

    made.learn(products_world(1000, noise=0.1))

    assert made.progress()["n_terms"] == 10
    assert made.progress()["progressive_loss"] < 0.1


def test_products_are_left_out_where_they_only_fit_noise():
    rng = np.random.default_rng(4)
    x = np.hstack([np.ones((60, 1)), rng.normal(size=(60, 9))])
    made = learner(n_features=10)

    made.learn(batch(x, rng.integers(2, size=60), x[:, 1] + rng.normal(scale=0.5, size=60)))

    assert made.progress()["n_terms"] == 10


def test_products_of_very_many_features_are_not_tried():
    made = learner(n_features=60)
    x = np.hstack([np.ones((40, 1)), np.random.default_rng(5).normal(size=(40, 59))])

    made.learn(batch(x, [0] * 40, [1.0] * 40))

    assert made.progress()["n_terms"] == 60


def test_posterior_draws_scatter_around_the_mean_and_narrow():
    few, many = learner(n_features=4), learner(n_features=4)
    few.learn(products_world(100, noise=0.1))
    many.learn(products_world(4000, noise=0.1))
    x = np.array([[1.0, 0.5, 0.5, 0.5]])

    spreads = [made.reward_model(n_draws=200).predict(x).draws.std(axis=1).max() for made in (few, many)]

    assert spreads[1] < spreads[0] / 3


@pytest.mark.parametrize("setting", ["half_life_s", "max_weight"])
def test_a_setting_that_is_not_above_zero_is_refused(setting):
    with pytest.raises(BadSetting, match="above 0"):
        learner(**{setting: 0.0})
