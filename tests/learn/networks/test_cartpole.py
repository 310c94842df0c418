"""The reference job, small and in full length: better than the history from the history alone."""

import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from policyloop.learn.learners import iql, rebrac
from policyloop.simulate.actor import certain_of
from policyloop.simulate.environments import cartpole
from policyloop.simulate.history import play

ENVIRONMENT = cartpole.create()
ACTIONS = ENVIRONMENT.problem.actions


def history_of(n_episodes):
    return play(ENVIRONMENT, ENVIRONMENT.actors["history"], n_episodes=n_episodes, seed=1).to_transitions()


def played(policy, n_episodes):
    return play(ENVIRONMENT, certain_of(policy, ACTIONS), n_episodes=n_episodes, seed=2)


def test_a_thousand_updates_of_a_small_network_beat_the_history():
    history = history_of(100)
    train, held_out = history.to_learn_from(0.8), history.to_evaluate_on(0.8)
    learner = iql.create_episodic(train, held_out, actions=ACTIONS, seed=1, width=32, learning_rate=3e-3)

    learner.advance(1000)

    assert played(learner.policy(), 20).returns.mean() > history.returns.mean()


@pytest.mark.slow
def test_eight_thousand_updates_return_more_than_4500():
    history = history_of(2000)
    train, held_out = history.to_learn_from(0.8), history.to_evaluate_on(0.8)
    learner = rebrac.create_episodic(train, held_out, actions=ACTIONS, seed=1, width=128)

    learner.advance(8000)

    episodes = played(learner.policy(), 100)
    assert history.returns.mean() < 2500
    assert episodes.returns.mean() >= 4500
    assert episodes.share_full_length == 1
