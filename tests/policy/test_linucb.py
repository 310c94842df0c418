"""LinUCB: the highest upper bound decides, worked by hand; the widths are those of the paper."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.learn.learners import linear as learner
from policyloop.policy.explorers.linucb import create
from policyloop.policy.needs import WIDTH
from policyloop.policy.policies import linear


def explorer(alpha):
    return create(n_examples=5, reward_span=1.0, alpha=alpha)


def test_the_less_known_action_is_taken_when_its_bound_is_higher():
    means, widths = [0.5, 0.4, 0.1], np.array([[0.05, 0.2, 0.3]])

    # upper bounds with alpha 1: .55, .6, .4; with 0: the means; with 3: .65, 1.0, 1.0
    assert explorer(1.0).probabilities(means, widths) == [0.0, 1.0, 0.0]
    assert explorer(0.0).probabilities(means, widths) == [1.0, 0.0, 0.0]
    assert explorer(3.0).probabilities(means, widths) == pytest.approx([0.0, 0.5, 0.5])


def test_a_negative_alpha_is_refused():
    with pytest.raises(BadSetting, match=r"explore\.alpha is -0.1; expected a number of 0 or more"):
        explorer(-0.1)


def test_the_width_is_the_length_of_the_spread_times_the_terms():
    model = linear.create("none", np.zeros((2, 2)), spread=np.array([[[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [0.0, 0.0]]]))

    got = model.predict(np.array([1.0, 2.0]))

    # action 0: |(1, 4)| = sqrt(17); action 1: |(3, 0)| = 3
    assert got.draws == pytest.approx(np.array([[17**0.5, 3.0]]))


def batch(x, action, reward):
    n = len(action)
    return ExampleBatch(
        features=np.array(x, dtype=np.float64),
        allowed=np.ones((n, 2), dtype=bool),
        action=np.array(action),
        reward=np.array(reward, dtype=np.float64),
        propensity=np.full(n, 0.5),
        decided_at=np.arange(n),
    )


def test_linear_answers_the_standard_errors_of_ridge_regression():
    it = learner.create(n_actions=2, n_features=1, rng=np.random.default_rng(1), reward_default=0.0, needs=WIDTH)
    it.learn(batch([[1.0]] * 8, [0] * 8, [1.0] * 8))

    got = it.reward_model(n_draws=1).predict(np.array([1.0])).draws

    # before the first check the ridge is 3 and the noise 1: 1 / sqrt(8 + 3), and 1 / sqrt(3) where nothing is known
    np.testing.assert_allclose(got, [[11**-0.5, 3**-0.5]])


def test_widths_narrow_with_examples_and_survive_saving_bit_by_bit():
    rng = np.random.default_rng(2)
    it = learner.create(n_actions=2, n_features=3, rng=rng, reward_default=0.0, needs=WIDTH)
    x = np.column_stack([np.ones(900), rng.normal(size=(900, 2))])
    action, reward = rng.integers(2, size=900), rng.normal(size=900)
    it.learn(batch(x[:100], action[:100], reward[:100]))
    before = it.reward_model(n_draws=1).predict(x[:5]).draws
    it.learn(batch(x[100:], action[100:], reward[100:]))

    model = it.reward_model(n_draws=1)
    after = model.predict(x[:5])

    assert (after.draws < before).all()
    again = linear.load(*model.save()).predict(x[:5])
    np.testing.assert_array_equal(again.draws, after.draws)
    for i in range(5):
        np.testing.assert_allclose(model.predict(x[i]).draws, after.draws[i], atol=1e-12)
