"""The pendulum: physics by hand, and that its expert swings it up."""

import numpy as np
import pytest

from policyloop.simulate.environment import open_environment
from policyloop.simulate.history import play

PENDULUM = open_environment("pendulum")


def test_one_step_by_hand():
    episodes = PENDULUM.start(1, rng=np.random.default_rng(0))
    episodes._angle, episodes._speed = np.array([0.5]), np.array([-1.0])
    # 15 sin(0.5) + 3 * 1.5
    speed = -1.0 + 0.05 * (15 * np.sin(0.5) + 3 * 1.5)

    moved = episodes.step(np.array([[1.5]]))

    angle = 0.5 + 0.05 * speed
    np.testing.assert_allclose(episodes.state[0], [np.cos(angle), np.sin(angle), speed])
    assert moved.reward[0] == pytest.approx(-(0.25 + 0.1 + 0.001 * 2.25))


def test_the_cost_of_an_angle_is_that_of_the_shorter_way_round():
    episodes = PENDULUM.start(2, rng=np.random.default_rng(0))
    episodes._angle, episodes._speed = np.array([6.0, 6.0 - 2 * np.pi]), np.zeros(2)

    reward = episodes.step(np.zeros((2, 1))).reward

    assert reward[0] == pytest.approx(reward[1])


def test_the_expert_swings_it_up_and_holds_it():
    history = play(PENDULUM, PENDULUM.actors["expert"], n_episodes=200, seed=0)

    is_up = history.last_state[:, 0] > 0.99
    assert is_up.mean() > 0.98


def test_more_random_steps_earn_less():
    means = [
        play(PENDULUM, PENDULUM.actors[name], n_episodes=200, seed=1).returns.mean()
        for name in ("random", "history", "learner", "expert")
    ]

    assert means == sorted(means)
