"""What is told of states as they are: an action inside the limits, its deviation in its own units, the value of that action."""

import numpy as np
import pytest

from policyloop.policy.policies.network import load, random_network
from policyloop.policy.predicted_states import predicted

f32 = np.float32
STATES = np.random.default_rng(1).normal(size=(6, 3)).astype(f32)
WIDE = {"low": [-10.0, -10.0], "high": [10.0, 10.0]}


def network(head):
    made = random_network(head=head, state_shape=(3,), n_outputs=2, rng=np.random.default_rng(2))
    return made if head == "scores" else load({**made.settings, "center": [1.0, 0.0], "half": [2.0, 0.5]}, made.tensors)


@pytest.mark.parametrize("head", ["tanh", "tanh_gaussian", "gaussian"])
def test_the_mean_is_the_action_that_would_be_taken_and_the_value_is_of_it(head):
    mean, _, value = predicted(network(head), STATES, **WIDE)

    np.testing.assert_array_equal(mean, network(head).act(STATES))
    np.testing.assert_array_equal(value, network(head).value(STATES, mean))


def test_a_mean_beyond_the_limits_is_brought_to_them_and_the_value_goes_with_it():
    policy = network("tanh")

    mean, _, value = predicted(policy, STATES, low=[0.9, -0.1], high=[1.1, 0.1])

    assert (mean >= f32([0.9, -0.1])).all()
    assert (mean <= f32([1.1, 0.1])).all()
    np.testing.assert_array_equal(value, policy.value(STATES, mean))
    assert (value != policy.value(STATES, policy.act(STATES))).any()


def test_the_deviation_of_a_squashed_policy_is_that_of_its_draws():
    policy = network("tanh_gaussian")
    location, deviation = policy.gaussian(STATES)
    noise = np.random.default_rng(3).normal(size=(40_000, 1, 2))
    draws = f32([2.0, 0.5]) * np.tanh(location + deviation * noise)

    _, told, _ = predicted(policy, STATES, **WIDE)

    np.testing.assert_allclose(told, draws.std(axis=0), rtol=0.02)


def test_a_policy_that_never_varies_has_no_deviation_and_one_that_is_not_squashed_its_own():
    assert (predicted(network("tanh"), STATES, **WIDE)[1] == 0).all()
    np.testing.assert_allclose(predicted(network("gaussian"), STATES, **WIDE)[1], network("gaussian").gaussian(STATES)[1])


def test_over_labels_it_is_mean_and_deviation_of_the_critics_and_the_least_of_them_where_it_is_highest():
    policy = network("scores")
    critics = policy.critics(STATES)

    mean, deviation, value = predicted(policy, STATES, low=[], high=[])

    np.testing.assert_allclose(mean, (critics[0] + critics[1]) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(deviation, np.abs(critics[0] - critics[1]) / 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(value, policy.scores(STATES).max(axis=1))
