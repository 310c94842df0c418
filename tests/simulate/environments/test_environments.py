"""What every environment promises. A new file in `simulate/environments/` is tested here without an edit."""

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.core.errors import Invalid, MissingLibrary, UnknownName
from policyloop.core.spec_file import read_spec
from policyloop.core.state import StateEncoder
from policyloop.simulate.environment import FAMILY, Single, actor_of, contexts_of, open_environment
from policyloop.simulate.history import play

SETTINGS = {
    "callable": {"function": "tests.simulate.environments.rooms:room", "actions": ["heat", "wait"], "max_steps": 40},
    "gymnasium": {"id": "CartPole-v1", "max_steps": 40},
    "tetris": {"rows": 8, "columns": 6},
    "cartpole": {"max_steps": 60},
}


@pytest.fixture(params=plugins.ours(FAMILY))
def environment(request, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    try:
        return open_environment(request.param, SETTINGS.get(request.param))
    except MissingLibrary as missing:
        pytest.skip(str(missing))


def rng(seed=7):
    return np.random.default_rng(seed)


def even(environment, n, seed=0):
    return actor_of(environment, "random").act(environment.start(n, rng=rng()).state, np.zeros(n, int), rng=rng(seed)).action


def test_its_loop_file_is_a_loop(environment):
    spec = read_spec(environment.problem.loop_file())

    assert spec.episodes is not None
    assert spec.episodes.max_steps == environment.problem.max_steps
    assert spec.actions == environment.problem.actions


def test_a_state_is_its_context_in_numbers(environment):
    state = environment.start(5, rng=rng()).state

    contexts = contexts_of(environment.columns(state))

    encoder = StateEncoder.of(read_spec(environment.problem.loop_file()).context.values())
    np.testing.assert_allclose(encoder.encode_many(contexts), state, rtol=1e-6)
    assert list(contexts[0]) == list(environment.problem.context)


def test_the_same_seed_plays_the_same_episodes(environment):
    first, again = (play(environment, environment.actors["random"], n_episodes=4, seed=3) for _ in range(2))
    other = play(environment, environment.actors["random"], n_episodes=4, seed=4)

    np.testing.assert_array_equal(first.state, again.state)
    np.testing.assert_array_equal(first.action, again.action)
    assert len(first) != len(other) or not np.array_equal(first.state, other.state)


def test_an_episode_ends_once_and_in_one_of_two_ways(environment):
    history = play(environment, environment.actors["random"], n_episodes=6, seed=1)

    is_over = history.terminated | history.truncated
    assert not (history.terminated & history.truncated).any()
    np.testing.assert_array_equal(np.flatnonzero(is_over), history.lengths.cumsum() - 1)
    assert (history.lengths <= environment.problem.max_steps).all()
    assert (history.lengths[history.episode[history.truncated]] == environment.problem.max_steps).all()


def test_what_was_given_out_is_not_changed_later(environment):
    episodes = environment.start(3, rng=rng())
    before, kept = episodes.state, episodes.state.copy()

    for _ in range(3):
        episodes.step(even(environment, 3))
    episodes.restart(np.ones(3, bool))

    np.testing.assert_array_equal(before, kept)


def test_keeping_some_leaves_them_as_they_are(environment):
    episodes = environment.start(4, rng=rng())
    episodes.step(even(environment, 4))
    state = episodes.state.copy()

    episodes.keep(np.array([True, False, True, False]))

    np.testing.assert_array_equal(episodes.state, state[[0, 2]])
    assert len(episodes.step(even(environment, 2)).reward) == 2


def test_restarting_some_leaves_the_others_alone(environment):
    episodes = environment.start(3, rng=rng())
    episodes.step(even(environment, 3))
    state = episodes.state.copy()

    episodes.restart(np.array([False, True, False]))

    np.testing.assert_array_equal(episodes.state[[0, 2]], state[[0, 2]])


def test_rewards_stay_in_the_range_that_its_loop_declares(environment):
    low, high = environment.problem.reward_range

    history = play(environment, environment.actors["random"], n_episodes=5, seed=2)

    assert ((history.reward >= low) & (history.reward <= high)).all()
    assert set(history.outcomes) == set(environment.problem.outcomes)


def test_one_episode_goes_a_step_at_a_time(environment):
    one = Single(environment, rng=rng())

    context = one.context
    state, reward, terminated, truncated = one.step(even(environment, 1)[0])

    assert list(context) == list(environment.problem.context)
    assert state.shape == one.state.shape
    assert isinstance(reward, float)
    assert (terminated, truncated) == (False, False)
    assert one.n_steps == 1


def test_every_actor_that_it_brings_says_with_which_chance_it_acts(environment):
    state = environment.start(50, rng=rng()).state

    for actor in environment.actors.values():
        acted = actor.act(state, np.arange(50), rng=rng())
        assert ((acted.propensity > 0) & np.isfinite(acted.propensity)).all()
        if acted.pmf is not None:
            np.testing.assert_allclose(acted.pmf.sum(axis=1), 1.0)
            np.testing.assert_allclose(acted.pmf[np.arange(50), acted.action], acted.propensity)


def test_a_setting_that_is_unknown_missing_or_of_another_kind_is_told():
    with pytest.raises(Invalid, match=r"rowz: is a setting that environment 'tetris' does not have.*did you mean 'rows'"):
        open_environment("tetris", {"rowz": 8})
    with pytest.raises(Invalid, match="function: is missing; environment 'callable' needs it"):
        open_environment("callable", {"actions": ["a", "b"]})
    with pytest.raises(Invalid, match="columns: is 'many'; expected a whole number"):
        open_environment("tetris", {"columns": "many"})


def test_an_unknown_environment_or_policy_suggests_the_nearest():
    with pytest.raises(UnknownName, match="no environment is named 'cartpol'; did you mean 'cartpole'"):
        open_environment("cartpol")
    with pytest.raises(UnknownName, match="did you mean 'expert'"):
        actor_of(open_environment("cartpole"), "expret")
