"""The reference job, small and in full length: better than the history from the history alone."""

import math

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from policyloop.core import plugins
from policyloop.learn.learners import iql
from policyloop.learn.offline import OF_THE_RUN
from policyloop.learn.train import LEARNERS
from policyloop.simulate.actor import certain_of
from policyloop.simulate.environments import cartpole
from policyloop.simulate.history import play

ENVIRONMENT = cartpole.create()
ACTIONS = ENVIRONMENT.problem.actions


def history_of(n_episodes):
    return play(ENVIRONMENT, ENVIRONMENT.actors["history"], n_episodes=n_episodes, seed=1).to_transitions()


def played(policy, n_episodes):
    return play(ENVIRONMENT, certain_of(policy, ACTIONS), n_episodes=n_episodes, seed=2)


def test_a_thousand_updates_of_a_small_network_beat_the_history_and_expect_the_better_what_comes():
    history = history_of(100)
    train, held_out = history.to_learn_from(0.8), history.to_evaluate_on(0.8)
    learner = iql.create_episodic(train, held_out, actions=ACTIONS, seed=1, width=32, learning_rate=3e-3)

    first, begun = learner.advance(100), learner.diagnose()
    last, done = learner.advance(900), learner.diagnose()

    assert all(math.isfinite(number) for told in (first, begun, last, done) for number in told.values())
    assert last["critic_loss"] < 0.8 * first["critic_loss"]
    assert done["held_out_td_error"] < 0.6 * begun["held_out_td_error"]
    episodes = played(learner.policy(), 20)
    assert episodes.returns.mean() > 1.3 * history.returns.mean()
    assert episodes.share_full_length == 1
    assert 0.3 < np.mean(history.lengths == 1000) < 0.5


@pytest.mark.slow
def test_eight_thousand_updates_of_the_recipe_return_more_than_4500():
    history = history_of(2000)
    train, held_out = history.to_learn_from(0.8), history.to_evaluate_on(0.8)
    recipe = ENVIRONMENT.problem.learner
    settings = {name: value for name, value in recipe.items() if name not in ("name", *OF_THE_RUN)}
    learner = plugins.load(LEARNERS, recipe["name"]).create_episodic(train, held_out, actions=ACTIONS, seed=1, **settings)

    learner.advance(8000)

    episodes = played(learner.policy(), 100)
    assert history.returns.mean() < 2500
    assert episodes.returns.mean() >= 4500
    assert episodes.share_full_length == 1
