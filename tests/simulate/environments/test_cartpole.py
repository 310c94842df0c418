"""The force-controlled cart-pole: its physics by hand, and the returns that were measured for it elsewhere."""

import numpy as np
import pytest

from policyloop.core.spec_file import read_spec
from policyloop.simulate.actor import EveryNth, Sometimes, Uniform
from policyloop.simulate.environment import Single, open_environment
from policyloop.simulate.environments.cartpole import regulate, reward_of
from policyloop.simulate.history import play

CARTPOLE = open_environment("cartpole")


def at(*rows):
    """Episodes under way in these states."""
    episodes = CARTPOLE.start(len(rows), rng=np.random.default_rng(0))
    episodes._state = np.array(rows, dtype=float)
    return episodes


def test_one_step_by_hand():
    # upright and at rest, F = 30 * 0.5: the terms with sin th and w are 0
    episodes = at([0.0, 0.2, 0.0, 0.0, 0.5])
    temp = 15 / 1.1
    turn = -temp / (0.5 * (4 / 3 - 0.1 / 1.1))
    speed_up = temp - 0.05 * turn / 1.1

    episodes.step(np.array([[0.5]]))

    np.testing.assert_allclose(
        episodes.state[0], [0.02 * 0.2, 0.2 + 0.02 * speed_up, 0.0, 0.02 * turn, 0.5], rtol=0, atol=1e-15
    )


def test_a_tilted_pole_falls_by_the_old_derivatives():
    x, v, th, w = 0.1, -0.3, 0.4, 0.7
    sin, cos = np.sin(th), np.cos(th)
    temp = (-30 + 0.05 * w * w * sin) / 1.1
    turn = (9.8 * sin - cos * temp) / (0.5 * (4 / 3 - 0.1 * cos * cos / 1.1))
    speed_up = temp - 0.05 * turn * cos / 1.1
    episodes = at([x, v, th, w, 0.5])

    episodes.step(np.array([[-1.0]]))

    np.testing.assert_allclose(
        episodes.state[0, :4], [x + 0.02 * v, v + 0.02 * speed_up, th + 0.02 * w, w + 0.02 * turn], atol=1e-15
    )


def test_a_force_beyond_the_box_is_the_largest_there_is():
    wild, largest = at([0.0] * 5), at([0.0] * 5)

    wild.step(np.array([[17.0]]))
    largest.step(np.array([[1.0]]))

    np.testing.assert_array_equal(wild.state, largest.state)


def test_the_goal_jumps_after_300_steps_and_back_after_600():
    goal = play(CARTPOLE, CARTPOLE.actors["expert"], n_episodes=1, seed=0).state[:, 4]

    np.testing.assert_array_equal(goal, [0.5] * 300 + [-0.5] * 300 + [0.5] * 300 + [-0.5] * 100)


def test_the_reward_by_hand():
    near_and_calm = reward_of(np.array([[0.45, 0.0, 0.0, 0.0, 0.5]]))
    far_and_half_calm = reward_of(np.array([[0.0, 0.3, -0.4, 0.5, 0.5]]))

    assert near_and_calm[0] == 13.0
    assert far_and_half_calm[0] == pytest.approx(0.8 + 0.6 + 0.0)  # sqrt(1 - .6^2), sqrt(1 - .8^2), sqrt(1 - 1)


def test_the_first_step_earns_nothing_and_the_others_what_the_loop_file_says():
    history = play(CARTPOLE, CARTPOLE.actors["history"], n_episodes=3, seed=5)
    expression = read_spec(CARTPOLE.problem.loop_file()).reward.expression
    before, after = CARTPOLE.columns(history.state), CARTPOLE.columns(history.next_state())

    told = expression.evaluate({**before, **{f"next.{k}": v for k, v in after.items()}, "force": history.action[:, 0]})

    is_first = history.step == 0
    assert (history.reward[is_first] == 0).all()
    np.testing.assert_allclose(history.reward[~is_first], told[~is_first], atol=1e-12)


def test_it_terminates_beyond_the_edge_or_on_its_side_and_is_truncated_at_1000():
    lost = at([2.39, 5.0, 0.0, 0.0, 0.5], [0.0, 0.0, 1.57, 5.0, 0.5], [0.0, 0.0, 0.0, 0.0, 0.5]).step(np.zeros((3, 1)))
    full = play(CARTPOLE, CARTPOLE.actors["expert"], n_episodes=2, seed=0)

    assert lost.terminated.tolist() == [True, True, False]
    assert full.lengths.tolist() == [1000, 1000]
    assert (int(full.truncated.sum()), int(full.terminated.sum())) == (2, 0)


def test_a_fall_on_the_last_step_is_a_fall():
    short = open_environment("cartpole", {"max_steps": 1})
    episodes = short.start(1, rng=np.random.default_rng(0))
    episodes._state = np.array([[2.39, 9.0, 0.0, 0.0, 0.5]])

    moved = episodes.step(np.zeros((1, 1)))

    assert (moved.terminated[0], moved.truncated[0]) == (True, False)


def test_the_regulator_by_hand():
    # u = -K (state - goal) / 30: -(-10 * (0.4 - 0.5) - 6.9114 * 0.1 - 68.8266 * 0.01 - 12.7629 * 0.02) / 30
    error = -10 * -0.1 - 6.9114 * 0.1 - 68.8266 * 0.01 - 12.7629 * 0.02

    assert regulate(np.array([[0.4, 0.1, 0.01, 0.02, 0.5]]))[0, 0] == pytest.approx(-error / 30)
    assert regulate(np.array([[0.0, 0.0, 1.0, 0.0, 0.0]]))[0, 0] == 1.0


def test_every_second_step_of_the_history_is_random_and_says_so():
    history = play(CARTPOLE, CARTPOLE.actors["history"], n_episodes=5, seed=1)

    np.testing.assert_array_equal(history.is_random, history.step % 2 == 0)
    assert set(history.propensity[history.is_random]) == {0.5}  # the density of the uniform on [-1, 1]
    assert set(history.propensity[~history.is_random]) == {1.0}
    assert (history.other_kind, history.other_source) == ("point", "expert")


# Means that were measured in 400 to 500 episodes, the standard deviation of a return, and the mean number of steps.
@pytest.mark.parametrize(
    ("actor", "mean", "sd", "steps"),
    [
        (CARTPOLE.actors["random"], 62, 43, 39),
        (CARTPOLE.actors["history"], 1939, 1005, 704),
        (CARTPOLE.actors["expert"], 7474, 80, 1000),
        (EveryNth(CARTPOLE.actors["random"], CARTPOLE.actors["expert"], every=4), 4733, 660, 1000),
        (Sometimes(CARTPOLE.actors["random"], CARTPOLE.actors["expert"], fraction=0.5), 863, 758, 330),
    ],
    ids=["random", "history", "expert", "every fourth", "by a coin"],
)
def test_returns_are_those_that_were_measured_elsewhere(actor, mean, sd, steps):
    history = play(CARTPOLE, actor, n_episodes=300, seed=0)

    error = sd * (1 / 300 + 1 / 400) ** 0.5
    assert abs(history.returns.mean() - mean) < 4 * error
    assert abs(history.lengths.mean() - steps) <= 4 * history.lengths.std() * (1 / 300 + 1 / 400) ** 0.5
    assert history.share_full_length == pytest.approx((history.lengths == 1000).mean())


def test_random_steps_are_uniform():
    acted = Uniform(CARTPOLE.problem.actions).act(np.zeros((4000, 5)), np.zeros(4000, int), rng=np.random.default_rng(0))

    counts, _ = np.histogram(acted.action, bins=10, range=(-1, 1))
    assert abs(counts - 400).max() < 4 * (4000 * 0.1 * 0.9) ** 0.5


def test_one_episode_is_the_same_a_step_at_a_time():
    one = Single(CARTPOLE, rng=np.random.default_rng(3))

    earned = [one.step(regulate(one.state[np.newaxis])[0])[1] for _ in range(200)]

    assert one.n_steps == 200
    assert sum(earned) > 700
