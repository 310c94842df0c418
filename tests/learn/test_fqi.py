"""Fitted Q iteration: from random moves it finds what is worth most from here on, exactly repeatable."""

import numpy as np
import pytest

from made_history import GOAL, MOVE, STEP, corridor, ladder
from policyloop.core.errors import BadModel, BadSetting
from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart
from policyloop.learn.learners.fqi import create_episodic
from policyloop.policy.policies import forest_q

NOTHING = corridor(1).where(np.zeros(20, dtype=bool))


def test_from_random_moves_it_learns_to_go_to_the_goal_and_stay():
    learner = create_episodic(corridor(100), NOTHING, actions=MOVE, seed=1, n_trees=30)

    learner.advance(4)
    policy = learner.policy()

    place = np.array([0.1, 0.5, 0.9], dtype=np.float32)[:, np.newaxis]
    assert (np.sign(policy.act(place)[:, 0]) == [1, 1, -1]).all()
    for _ in range(12):
        place = (place + policy.act(place)).clip(0, 1)
    assert np.abs(place - GOAL).max() < 0.12


def test_it_gives_up_what_pays_now_for_what_pays_more_later():
    learner = create_episodic(ladder(150), NOTHING, actions=STEP, seed=1, n_trees=20)

    learner.advance(12)

    scores = learner.policy().scores(np.arange(5, dtype=np.float32)[:, np.newaxis])
    assert (scores.argmax(axis=1) == 1).all()  # up, although down pays 0.1 at once
    # up for ever from the last rung: 1 / (1 - 0.9) = 10, reached from below as iterations see further
    assert 5 < scores[4, 1] < 10.5
    assert scores[3, 1] == pytest.approx(0.9 * scores[4, 1], rel=0.1)


def test_it_goes_on_from_its_state_as_if_it_had_never_stopped():
    history = corridor(40)
    whole = create_episodic(history, NOTHING, actions=MOVE, seed=3, n_trees=20)
    whole.advance(2)
    state = {name: tensor.copy() for name, tensor in whole.state().items()}
    told = whole.advance(2)

    other = create_episodic(history, NOTHING, actions=MOVE, seed=3, n_trees=20)
    other.resume(state)

    assert other.advance(2) == told
    assert [t.tobytes() for t in other.state().values()] == [t.tobytes() for t in whole.state().values()]


def test_learning_does_not_change_a_policy_already_handed_out():
    learner = create_episodic(ladder(60), NOTHING, actions=STEP, seed=2, n_trees=20)
    states = np.arange(5, dtype=np.float32)[:, np.newaxis]
    policy = learner.policy()
    before = policy.scores(states)

    learner.advance(2)

    np.testing.assert_array_equal(before, policy.scores(states))
    assert (learner.policy().scores(states) != before).any()


def test_it_tells_how_it_stands_on_data_and_on_episodes_that_it_did_not_learn_from():
    learner = create_episodic(corridor(40), corridor(10, seed=9), actions=MOVE, seed=3, n_trees=20)

    told, found = learner.advance(1), learner.diagnose()

    assert set(told) == {"critic_loss", "td_error", "conservative"}
    names = {"q_mean", "q_min", "q_max", "td_error", "conservative"}
    assert set(found) == names | {f"held_out_{name}" for name in names}
    assert np.isfinite([*told.values(), *found.values()]).all()
    assert found["q_min"] <= found["q_mean"] <= found["q_max"]


def test_the_value_reported_is_that_of_the_action_returned():
    learner = create_episodic(corridor(40), NOTHING, actions=MOVE, seed=3, n_trees=20)
    policy = learner.policy()
    states = np.linspace(0, 1, 9, dtype=np.float32)[:, np.newaxis]

    value = policy.value(states, policy.act(states))

    for point in policy.points:
        assert (value >= policy.value(states, np.tile(point, (9, 1))) - 1e-6).all()


def test_a_label_that_was_hardly_ever_tried_is_taken_to_bring_the_least_that_was_seen():
    history = ladder(60)
    rare = history.where(np.repeat(history.action[::8, 0] == 0, 8))
    rare.action[:] = 0  # nobody ever went up
    learner = create_episodic(rare, NOTHING, actions=STEP, seed=0)

    scores = learner.policy().scores(np.arange(5, dtype=np.float32)[:, np.newaxis])

    assert (scores.argmax(axis=1) == 0).all()


def test_saved_and_loaded_it_acts_and_values_the_same_bits():
    policy = create_episodic(corridor(40), NOTHING, actions=MOVE, seed=3, n_trees=20).policy()
    states = np.linspace(0, 1, 9, dtype=np.float32)[:, np.newaxis]

    again = forest_q.load(*policy.save())

    np.testing.assert_array_equal(again.act(states), policy.act(states))
    np.testing.assert_array_equal(again.value(states, policy.act(states)), policy.value(states, policy.act(states)))
    mean, spread = again.gaussian(states)
    np.testing.assert_allclose(0.2 * np.tanh(mean), policy.act(states), atol=1e-5)
    assert not spread.any()


@pytest.mark.parametrize(("a", "m"), [(1, 21), (2, 121), (3, 343), (5, 512)])
def test_points_fill_the_box_and_its_middle_is_one_of_them(a, m):
    low, high = -np.arange(1.0, a + 1), np.arange(1.0, a + 1)

    points = forest_q.points_of(low, high)

    assert points.shape == (m, a)
    assert ((points >= low) & (points <= high)).all()
    assert np.abs(points).max(axis=1).min() < 1e-12


def test_settings_outside_their_range_and_actions_of_two_kinds_are_refused():
    with pytest.raises(BadSetting, match=r"learner\.n_leaves is 1; expected 2 to 4096"):
        create_episodic(corridor(10), NOTHING, actions=MOVE, seed=0, n_leaves=1)
    both = ActionSpec(
        kind="tuple", box=(BoxPart(name="x", low=0, high=1),), choices=(LabelledPart(name="gear", labels=("a", "b")),)
    )
    with pytest.raises(BadSetting, match="labels or about numbers"):
        create_episodic(corridor(10), NOTHING, actions=both, seed=0)


def test_a_model_without_a_critic_is_refused():
    settings, tensors = create_episodic(corridor(10), NOTHING, actions=MOVE, seed=0, n_trees=2).policy().save()

    with pytest.raises(BadModel, match="needs 2 critics alike"):
        forest_q.load(settings, {"critic0.0": tensors["critic0.0"]})
    with pytest.raises(BadModel, match="cannot be read"):
        forest_q.load(settings, {**tensors, "critic1.0": np.frombuffer(b"value x", dtype=np.uint8)})
