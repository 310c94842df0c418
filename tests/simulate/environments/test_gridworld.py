"""The grid world: where steps lead to, and exact values that agree with what episodes earn."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.simulate.environment import open_environment
from policyloop.simulate.history import play

GRID = open_environment("gridworld")
CELLS = np.array([[i % 6, i // 6] for i in range(30)], dtype=float)


def test_a_corridor_without_slipping_has_the_values_that_one_can_count():
    corridor = open_environment("gridworld", {"width": 3, "height": 2, "slip": 0.0, "pits": [], "discount": 0.9})

    values = corridor.truth.values(np.eye(4)[corridor.truth.best()])

    near, two, three = 1.0, -0.02 + 0.9, -0.02 + 0.9 * (-0.02 + 0.9)
    np.testing.assert_allclose(values, [three, two, near, two, near, 0.0])


def test_a_slippery_step_goes_to_either_side_half_the_time_each():
    np.testing.assert_allclose(GRID.landing[8, 0, [2, 7, 9]], [0.8, 0.1, 0.1])  # up from (2, 1)
    np.testing.assert_allclose(GRID.landing.sum(axis=2), 1.0)


def test_at_the_edge_one_stays():
    assert GRID.landing[0, 0, 0] == pytest.approx(0.8 + 0.1)  # up, and left, from the corner


@pytest.mark.parametrize("name", ["random", "expert", "history"])
def test_exact_values_are_what_episodes_earn_on_average(name):
    actor = GRID.actors[name]
    pmf = actor.act(CELLS, np.zeros(30, int), rng=np.random.default_rng(0)).pmf
    history = play(GRID, actor, n_episodes=3000, seed=2)

    earned = np.bincount(history.episode, weights=history.reward * 0.97**history.step)

    exact = GRID.truth.value(pmf, n_steps=100)
    assert abs(earned.mean() - exact) < 4 * earned.std() / 3000**0.5


def test_episodes_end_at_the_goal_and_in_pits_alone():
    history = play(GRID, GRID.actors["random"], n_episodes=200, seed=3)
    ended = history.last_state[history.episode[history.terminated]].astype(int).tolist()

    assert {tuple(cell) for cell in ended} == {(2, 1), (3, 3), (5, 4)}
    assert set(history.reward[~history.terminated]) == {-0.02}


def test_no_policy_beats_the_optimum():
    truth = GRID.truth
    optimum = truth.value(np.eye(4)[truth.best()])
    rng = np.random.default_rng(0)

    assert all(truth.value(rng.dirichlet(np.full(4, 0.1), size=30)) <= optimum for _ in range(50))


@pytest.mark.parametrize("settings", [{"width": 1}, {"slip": 1.5}, {"pits": [[5, 4]]}, {"max_steps": 0}])
def test_settings_of_no_use_are_refused(settings):
    with pytest.raises(BadSetting, match=next(iter(settings))):
        open_environment("gridworld", settings)
