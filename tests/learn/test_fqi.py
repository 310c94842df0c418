"""Fitted Q iteration: from random moves it finds what is worth most from here on, exactly repeatable."""

import numpy as np
import pytest

from made_history import GOAL, MOVE, STEP, corridor, ladder
from policyloop.core.errors import BadModel, BadSetting
from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart
from policyloop.learn.learners.fqi import create_episodic
from policyloop.policy.policies import forest_q

NO_MOVE, NO_STEP = (history.where(np.zeros(len(history), dtype=bool)) for history in (corridor(1), ladder(1)))


def test_from_random_moves_it_learns_to_go_to_the_goal_and_stay():
    learner = create_episodic(corridor(100), NO_MOVE, actions=MOVE, seed=1, n_trees=30)

    learner.advance(4)
    policy = learner.policy()

    place = np.array([0.1, 0.5, 0.9], dtype=np.float32)[:, np.newaxis]
    assert (np.sign(policy.act(place)[:, 0]) == [1, 1, -1]).all()
    for _ in range(12):
        place = (place + policy.act(place)).clip(0, 1)
    assert np.abs(place - GOAL).max() < 0.12


def test_it_gives_up_what_pays_now_for_what_pays_more_later():
    learner = create_episodic(ladder(150), NO_STEP, actions=STEP, seed=1, n_trees=20)

    learner.advance(12)

    scores = learner.policy().scores(np.arange(5, dtype=np.float32)[:, np.newaxis])
    assert (scores.argmax(axis=1) == 1).all()  # up, although down pays 0.1 at once
    # up for ever from the last rung: 1 / (1 - 0.9) = 10, reached from below as iterations see further
    assert 5 < scores[4, 1] < 10.5
    assert scores[3, 1] == pytest.approx(0.9 * scores[4, 1], rel=0.1)


def test_the_value_reported_is_that_of_the_action_returned():
    learner = create_episodic(corridor(40), NO_MOVE, actions=MOVE, seed=3, n_trees=20)
    policy = learner.policy()
    states = np.linspace(0, 1, 9, dtype=np.float32)[:, np.newaxis]

    value = policy.value(states, policy.act(states))

    for point in policy.points:
        assert (value >= policy.value(states, np.tile(point, (9, 1))) - 1e-6).all()


def test_a_label_that_was_hardly_ever_tried_is_taken_to_bring_the_least_that_was_seen():
    history = ladder(60)
    rare = history.where(np.repeat(history.action[::8, 0] == 0, 8))
    rare.action[:] = 0  # nobody ever went up
    learner = create_episodic(rare, NO_STEP, actions=STEP, seed=0)

    scores = learner.policy().scores(np.arange(5, dtype=np.float32)[:, np.newaxis])

    assert (scores.argmax(axis=1) == 0).all()


def test_before_squashing_it_is_the_same_action_and_never_varies():
    policy = create_episodic(corridor(40), NO_MOVE, actions=MOVE, seed=3, n_trees=20).policy()
    states = np.linspace(0, 1, 9, dtype=np.float32)[:, np.newaxis]

    mean, spread = policy.gaussian(states)

    np.testing.assert_allclose(0.2 * np.tanh(mean), policy.act(states), atol=1e-5)
    assert not spread.any()


def test_where_every_step_terminates_it_expects_what_a_step_brings():
    history = ladder(200, 1)
    history.terminated[:], history.truncated[:] = True, False
    learner = create_episodic(history, NO_STEP, actions=STEP, seed=2, n_trees=20)

    learner.advance(2)

    assert learner.diagnose()["q_mean"] == pytest.approx(history.reward.mean(), abs=0.05)


@pytest.mark.parametrize(("a", "m"), [(1, 21), (2, 121), (3, 343), (5, 512)])
def test_points_fill_the_box_and_its_middle_is_one_of_them(a, m):
    low, high = -np.arange(1.0, a + 1), np.arange(1.0, a + 1)

    points = forest_q.points_of(low, high)

    assert points.shape == (m, a)
    assert ((points >= low) & (points <= high)).all()
    assert np.abs(points).max(axis=1).min() < 1e-12


def test_settings_outside_their_range_and_actions_of_two_kinds_are_refused():
    with pytest.raises(BadSetting, match=r"learner\.n_leaves is 1; expected 2 to 4096"):
        create_episodic(corridor(10), NO_MOVE, actions=MOVE, seed=0, n_leaves=1)
    both = ActionSpec(
        kind="tuple", box=(BoxPart(name="x", low=0, high=1),), choices=(LabelledPart(name="gear", labels=("a", "b")),)
    )
    with pytest.raises(BadSetting, match="labels or about numbers"):
        create_episodic(corridor(10), NO_MOVE, actions=both, seed=0)


def test_a_model_without_a_critic_is_refused():
    settings, tensors = create_episodic(corridor(10), NO_MOVE, actions=MOVE, seed=0, n_trees=2).policy().save()

    with pytest.raises(BadModel, match="needs 2 critics alike"):
        forest_q.load(settings, {"critic0.0": tensors["critic0.0"]})
    with pytest.raises(BadModel, match="cannot be read"):
        forest_q.load(settings, {**tensors, "critic1.0": np.frombuffer(b"value x", dtype=np.uint8)})
