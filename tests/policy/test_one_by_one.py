"""Asked about a single state, a policy of episodes says what it says about many; its models serve like networks do."""

import numpy as np
import pytest

from made_history import MOVE, corridor, ladder
from made_loops import CORRIDOR, LADDER
from policyloop.core.errors import BadModel
from policyloop.core.spec_file import read_spec
from policyloop.learn.learners.fqi import create_episodic
from policyloop.policy.one_by_one import OneByOne
from policyloop.policy.scored import load
from policyloop.run.episodes.offline import packed, train_and_choose

LOW, HIGH = np.array([-0.2]), np.array([0.2])


def test_one_state_is_answered_as_among_many():
    policy = create_episodic(corridor(30), corridor(5), actions=MOVE, seed=1, n_trees=10).policy()
    single, states = OneByOne(policy, LOW, HIGH), np.linspace(0, 1, 7, dtype=np.float32)[:, np.newaxis]

    for i, state in enumerate(states):
        wanted = single.wanted(state)
        assert wanted.action == pytest.approx(policy.act(states)[i])
        assert wanted.center[0] + wanted.half[0] * np.tanh(wanted.location[0]) == pytest.approx(wanted.action[0], abs=1e-6)
        assert single.value(state, np.array([0.1])) == policy.value(states, np.full((7, 1), 0.1))[i]


class Wild:
    """A policy that answers what no box holds."""

    n_numbers, state_shape = 1, (1,)

    def __init__(self, answer):
        self.answer = answer

    def act(self, state):
        return np.full((len(state), 1), self.answer, dtype=np.float32)


def test_what_leaves_the_box_is_brought_back_and_what_is_no_number_refused():
    assert OneByOne(Wild(7.0), LOW, HIGH).wanted(np.zeros(1)).action == [0.2]
    with pytest.raises(BadModel, match="answers no number"):
        OneByOne(Wild(np.nan), LOW, HIGH).wanted(np.zeros(1))


def model_of(text, history):
    spec = read_spec(text)
    trained = train_and_choose(history, spec, seed=1)
    train = history.to_learn_from(spec.train.split)
    manifest, tensors = packed(trained, spec, train, parent=None, snapshot={}, trained_until=0, seed=1)
    return trained.chosen.policy, load(manifest, tensors)


def test_a_model_of_trees_serves_numbers_between_the_limits():
    policy, served = model_of(CORRIDOR, corridor(40))

    density = served.density({"place": 0.5}, [-0.05], [0.05])

    assert density.family == "point"
    assert -0.05 <= density.mode()[0] <= 0.05
    state = np.array([[0.5]], dtype=np.float32)
    assert served.mode({"place": 0.5}) == pytest.approx(policy.act(state)[0])
    assert served.value({"place": 0.5}, [0.1]) == policy.value(state, np.array([[0.1]]))[0]


def test_a_model_of_trees_serves_labels_by_what_follows():
    policy, served = model_of(LADDER, ladder(40))

    (scores,) = served.rewards_of_many([{"rung": 2.0}])

    np.testing.assert_allclose(scores, policy.scores(np.array([[2.0]], dtype=np.float32))[0])
    assert sum(served.pmf({"rung": 2.0}, [True, True])) == pytest.approx(1)
