"""The inventory: its best policy is (s, S), and exact values are what episodes earn on average."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.simulate.environment import open_environment
from policyloop.simulate.history import play

INVENTORY = open_environment("inventory")


def test_a_day_by_hand():
    # 3 in stock, 4 ordered: 7 offered, 5 wanted; 2 stay. 5 * 4 - 4 * 2 - 3 - 2 * 0.2
    left, earned = INVENTORY.day(np.array([3]), np.array([4]), np.array([5]))

    assert left.tolist() == [2]
    assert earned[0] == pytest.approx(20 - 8 - 3 - 0.4)


def test_what_does_not_fit_is_not_bought_and_what_is_not_there_is_not_sold():
    left, earned = INVENTORY.day(np.array([18, 0]), np.array([9, 0]), np.array([0, 6]))

    assert left.tolist() == [20, 0]
    np.testing.assert_allclose(earned, [-2 * 2 - 3 - 20 * 0.2, -6 * 1.0])


def test_the_best_policy_orders_up_to_one_level_at_or_below_another():
    best = INVENTORY.truth.best()

    at = int(np.flatnonzero(best > 0).max())
    levels = {int(stock + best[stock]) for stock in range(at + 1)}
    assert len(levels) == 1
    assert (best[at + 1 :] == 0).all()


def test_no_policy_of_two_levels_is_better_than_the_optimum_and_one_equals_it():
    truth, best = INVENTORY.truth, INVENTORY.truth.best()
    optimum = truth.value(np.eye(21)[best])

    values = [truth.value(INVENTORY.reorder(s, S)) for s in range(20) for S in range(s + 1, 21)]

    assert max(values) == pytest.approx(optimum, rel=1e-12)


@pytest.mark.parametrize("name", ["random", "expert", "history"])
def test_exact_values_are_what_episodes_earn_on_average(name):
    actor = INVENTORY.actors[name]
    pmf = actor.act(np.arange(21.0)[:, np.newaxis], np.zeros(21, int), rng=np.random.default_rng(0)).pmf
    history = play(INVENTORY, actor, n_episodes=2000, seed=1)

    earned = np.bincount(history.episode, weights=history.reward * 0.95**history.step)

    exact = INVENTORY.truth.value(pmf, n_steps=50)
    assert abs(earned.mean() - exact) < 4 * earned.std() / 2000**0.5


def test_episodes_are_truncated_and_never_terminate():
    history = play(INVENTORY, INVENTORY.actors["history"], n_episodes=3, seed=0)

    assert not history.terminated.any()
    assert history.lengths.tolist() == [50, 50, 50]


@pytest.mark.parametrize("settings", [{"capacity": 0}, {"mean_demand": -1.0}, {"discount": 1.0}])
def test_settings_of_no_use_are_refused(settings):
    with pytest.raises(BadSetting, match=next(iter(settings))):
        open_environment("inventory", settings)
