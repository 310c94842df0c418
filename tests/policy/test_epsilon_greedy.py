"""Epsilon-greedy: the chance of a random action, worked by hand, fixed and fading with the examples."""

import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy.explorers.epsilon_greedy import create


def test_epsilon_is_shared_by_all_and_the_rest_is_the_bests():
    got = create(n_examples=10, reward_span=1.0, epsilon=0.3).probabilities([0.1, 0.9, 0.2])

    assert got == pytest.approx([0.1, 0.8, 0.1], abs=1e-15)


@pytest.mark.parametrize(("n", "epsilon"), [(0, 1.0), (1, 1.0), (8, 0.5), (1000, 0.1), (10**6, 0.01)])
def test_with_a_decay_of_a_third_it_falls_by_ten_when_examples_rise_by_a_thousand(n, epsilon):
    assert create(n_examples=n, reward_span=1.0, epsilon=1.0, decay=1 / 3).epsilon == pytest.approx(epsilon)


def test_an_epsilon_above_1_needs_a_decay_and_is_1_at_most():
    explorer = create(n_examples=10, reward_span=1.0, epsilon=50.0, decay=1.0)

    assert explorer.epsilon == 1.0
    assert create(n_examples=1000, reward_span=1.0, epsilon=50.0, decay=1.0).epsilon == pytest.approx(0.05)
    with pytest.raises(BadSetting, match=r"explore\.epsilon is 50.0; expected a number from 0 to 1"):
        create(n_examples=10, reward_span=1.0, epsilon=50.0)


def test_a_negative_decay_is_refused():
    with pytest.raises(BadSetting, match=r"explore\.decay is -1; expected a number of 0 or more"):
        create(n_examples=10, reward_span=1.0, epsilon=0.1, decay=-1)
