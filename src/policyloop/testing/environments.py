"""What every environment promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`environment` is what the plug-in's `create` made. Whole episodes are played, so one with a small `max_steps` is quicker.
Letters: n episodes side by side, a numbers of an action, k labels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault
from policyloop.core.spec_file import read_spec
from policyloop.core.state import StateEncoder
from policyloop.ingest.context import ContextCheck
from policyloop.simulate.actor import EXPERT, HUMAN, POLICY, Acted, Actor
from policyloop.simulate.environment import Environment, Single, contexts_of
from policyloop.simulate.history import History, play

_RANDOM = "random"  # the actor that every environment brings
_KINDS = ("point", "probability", "density")
_SOURCES = (EXPERT, POLICY, HUMAN)
_N_DRAWS = 2000
_SIGMAS = 5  # how far a mean of drawn numbers may lie from what it should be
_ARRAYS = ("state", "action", "reward", "terminated", "truncated", "propensity", "episode", "step", "last_state")


def its_loop_file_is_a_loop_with_episodes(environment: Environment) -> None:
    """With the actions and the limit of steps that the problem tells."""
    problem = environment.problem
    spec = read_spec(problem.loop_file())
    assert spec.actions == problem.actions, f"the loop's actions are {spec.actions}; the problem's {problem.actions}"
    assert spec.episodes is not None, "its loop has no episodes"
    most = spec.episodes.max_steps
    assert most == problem.max_steps, f"the loop's max_steps is {most}; the problem's {problem.max_steps}"


def a_state_is_its_context_in_numbers(environment: Environment) -> None:
    """In the order of the fields, and back again: what a learner sees in a table is what the environment gave out."""
    state = environment.start(5, rng=_rng()).state
    contexts = contexts_of(environment.columns(state))
    declared = list(environment.problem.context)
    assert list(contexts[0]) == declared, f"columns tells {', '.join(contexts[0])}; the problem declares {', '.join(declared)}"
    encoder = StateEncoder.of(read_spec(environment.problem.loop_file()).context.values())
    again = encoder.encode_many(contexts)
    assert again.shape == state.shape, f"a context makes a state of the shape {again.shape[1:]}; expected {state.shape[1:]}"
    assert np.allclose(again, state, rtol=1e-6), f"the contexts of {state} make the states {again}"


def its_contexts_fit_their_declaration(environment: Environment) -> None:
    """From the first state to the last, by the check that a server makes of every decision."""
    history = _played(environment, n_episodes=2)
    check = ContextCheck(read_spec(environment.problem.loop_file()).context, as_states=True)
    faults: list[Fault] = []
    for state in (history.state, history.last_state):
        for place, context in enumerate(contexts_of(environment.columns(state))):
            check.check(context, faults, where=f"row {place}")
    assert not faults, f"a context does not fit what the problem declares: {faults[0].where} {faults[0].message}"


def the_same_seed_plays_the_same_episodes(environment: Environment) -> None:
    """Bit by bit; and another seed plays others."""
    first, again = _played(environment, seed=3), _played(environment, seed=3)
    for name in _ARRAYS:
        assert np.array_equal(getattr(first, name), getattr(again, name)), f"the same seed played another {name}"
    other = _played(environment, seed=4)
    is_other = len(other) != len(first) or not np.array_equal(other.action, first.action)
    assert is_other, "another seed played the same actions"


def an_episode_ends_once_and_in_one_of_two_ways(environment: Environment) -> None:
    """Terminated or truncated, never both; truncated at the limit of steps, and never after it."""
    history, most = _played(environment, n_episodes=6, seed=1), environment.problem.max_steps
    both = np.flatnonzero(history.terminated & history.truncated)
    assert not len(both), f"step {history.step[both]} is terminated and truncated at once; expected one of them"
    assert (history.lengths <= most).all(), f"an episode has {history.lengths.max()} steps; expected {most} at most"
    cut = history.lengths[history.episode[history.truncated]]
    assert (cut == most).all(), f"an episode was truncated after {cut} steps; expected it at {most}, the limit"


def what_was_given_out_is_not_changed_later(environment: Environment) -> None:
    """Neither by steps nor by a new episode."""
    episodes = environment.start(3, rng=_rng())
    given = [(episodes.state, episodes.state.copy())]
    for _ in range(3):
        episodes.step(_even(environment, 3))
        given.append((episodes.state, episodes.state.copy()))
    episodes.restart(np.ones(3, dtype=np.bool_))
    for state, kept in given:
        assert np.array_equal(state, kept), f"the states {kept} changed to {state} after they were given out"


def keeping_some_leaves_them_as_they_are(environment: Environment) -> None:
    """In their order; and they go on."""
    episodes = environment.start(4, rng=_rng())
    episodes.step(_even(environment, 4))
    state = episodes.state.copy()
    episodes.keep(np.array([True, False, True, False]))
    assert np.array_equal(episodes.state, state[[0, 2]]), f"of the states {state}, keep left {episodes.state}; expected 0 and 2"
    n = len(episodes.step(_even(environment, 2)).reward)
    assert n == 2, f"2 episodes that were kept got {n} rewards"


def restarting_some_leaves_the_others_alone(environment: Environment) -> None:
    """Their states stay as they are."""
    episodes = environment.start(3, rng=_rng())
    episodes.step(_even(environment, 3))
    state = episodes.state.copy()
    episodes.restart(np.array([False, True, False]))
    assert np.array_equal(episodes.state[[0, 2]], state[[0, 2]]), "restarting one episode changed another"


def a_new_episode_has_all_its_steps_before_it(environment: Environment) -> None:
    """One that was restarted is not truncated where the old one would have been."""
    most = environment.problem.max_steps
    episodes, action = environment.start(2, rng=_rng()), _even(environment, 2)
    for _ in range(most - 1):
        moved = episodes.step(action)
        episodes.restart(np.array([True, False]) | moved.terminated | moved.truncated)
    moved = episodes.step(action)
    assert most == 1 or not moved.truncated[0], "an episode was truncated one step after it began; restart kept the old count"


def one_episode_is_as_many_are(environment: Environment) -> None:
    """A step at a time: the shapes and types of the arrays do not depend on how many are played."""
    many, one = environment.start(3, rng=_rng()), Single(environment, rng=_rng())
    state = many.state
    assert one.state.shape == state.shape[1:], f"one state has the shape {one.state.shape}; of three each {state.shape[1:]}"
    assert one.state.dtype == state.dtype, f"one state is of {one.state.dtype}; of three each of {state.dtype}"
    moved, alone = many.step(_even(environment, 3)), one.move(_even(environment, 1)[0])
    for n, told in ((3, moved), (1, alone)):
        for name, kind in (("reward", np.float64), ("terminated", np.bool_), ("truncated", np.bool_)):
            column: NDArray[Any] = getattr(told, name)
            assert column.shape == (n,), f"{n} episodes got {name} of the shape {column.shape}; expected {(n,)}"
            assert column.dtype == kind, f"{name} of {n} episodes is of {column.dtype}; expected {np.dtype(kind)}"


def rewards_stay_in_the_range_that_its_loop_declares(environment: Environment) -> None:
    """And the outcomes told of each step are those declared."""
    low, high = environment.problem.reward_range
    history = _played(environment, n_episodes=5, seed=2)
    is_out = ~((history.reward >= low) & (history.reward <= high))
    assert not is_out.any(), f"a step earned {history.reward[is_out][:1]}; expected {low} to {high}, the range it declares"
    told, declared = sorted(history.outcomes), sorted(environment.problem.outcomes)
    assert told == declared, f"a step tells the outcomes {told}; expected {declared}, those declared"


def it_brings_an_actor_that_draws_evenly(environment: Environment) -> None:
    """`random`: from all labels, or from the whole box, each draw marked as such."""
    acted = _acts_often(environment, _actor(environment, _RANDOM))
    assert acted.is_random.all(), "the actor 'random' does not mark its draws as random"


def its_actors_do_what_may_be_done(environment: Environment) -> None:
    """Labels among the labels, numbers in the box."""
    actions = environment.problem.actions
    for name, actor in environment.actors.items():
        action = _acts(environment, actor).action
        if not actions.box:
            known = (action >= 0) & (action < len(actions.labels))
            assert known.all(), f"actor '{name}' took {action[~known]}; expected places from 0 to {len(actions.labels) - 1}"
            continue
        for i, part in enumerate(actions.box):
            inside = (action[:, i] >= part.low) & (action[:, i] <= part.high)
            assert inside.all(), f"actor '{name}' took {part.name} = {action[~inside, i]}; expected {part.low} to {part.high}"


def its_actors_say_with_which_chance_they_act(environment: Environment) -> None:
    """Above 0; of an even draw that of the even draw; of labels the entry of the probabilities told beside it."""
    actions = environment.problem.actions
    even = 1 / len(actions.labels) if actions.labels else 1 / float(np.prod([part.high - part.low for part in actions.box]))
    for name, actor in environment.actors.items():
        acted = _acts(environment, actor)
        assert acted.kind in _KINDS, f"actor '{name}' tells the kind '{acted.kind}'; expected one of {', '.join(_KINDS)}"
        assert acted.source in _SOURCES, f"actor '{name}' tells the source '{acted.source}'; expected {', '.join(_SOURCES)}"
        above = (acted.propensity > 0) & np.isfinite(acted.propensity)
        assert above.all(), f"actor '{name}' did something with the propensity {acted.propensity[~above]}; expected above 0"
        drawn = acted.propensity[acted.is_random]
        assert np.allclose(drawn, even), f"actor '{name}' drew evenly with the propensity {drawn[:1]}; expected {even}"
        if acted.pmf is not None:
            sums = acted.pmf.sum(axis=1)
            assert np.allclose(sums, 1.0), (
                f"the probabilities of actor '{name}' sum to {sums.min()} to {sums.max()}; expected 1"
            )
            of_action = acted.pmf[np.arange(len(sums)), acted.action]
            assert np.allclose(of_action, acted.propensity), f"the propensity of actor '{name}' is not its entry of the pmf"


def its_actors_draw_by_the_chance_that_they_say(environment: Environment) -> None:
    """In one state many times over: labels as often as their probability says, even draws over the whole box."""
    box = environment.problem.actions.box
    for name, actor in environment.actors.items():
        acted = _acts_often(environment, actor)
        if acted.pmf is not None:
            gap = np.eye(acted.pmf.shape[1])[acted.action].mean(axis=0) - acted.pmf.mean(axis=0)
            spread = np.sqrt((acted.pmf * (1 - acted.pmf)).mean(axis=0) / _N_DRAWS)
            told = f"actor '{name}' takes labels more often than it says, by {gap}"
            assert (np.abs(gap) <= _SIGMAS * spread + 1e-9).all(), told
        even = acted.action[acted.is_random]
        for i, part in enumerate(box if len(even) else ()):
            share = (even[:, i] - part.low) / (part.high - part.low)
            room = _SIGMAS * np.sqrt(1 / 12 / len(share))
            told = f"actor '{name}' draws {part.name} evenly, and its mean is at {share.mean():.2f} of the box; expected 0.5"
            assert abs(share.mean() - 0.5) <= room, told
            told = f"actor '{name}' draws {part.name} evenly, from {share.min():.2f} to {share.max():.2f} of the box"
            assert share.max() - share.min() >= 1 - 20 / len(share), f"{told}; expected all of it"


PROMISES = (
    its_loop_file_is_a_loop_with_episodes,
    a_state_is_its_context_in_numbers,
    its_contexts_fit_their_declaration,
    the_same_seed_plays_the_same_episodes,
    an_episode_ends_once_and_in_one_of_two_ways,
    what_was_given_out_is_not_changed_later,
    keeping_some_leaves_them_as_they_are,
    restarting_some_leaves_the_others_alone,
    a_new_episode_has_all_its_steps_before_it,
    one_episode_is_as_many_are,
    rewards_stay_in_the_range_that_its_loop_declares,
    it_brings_an_actor_that_draws_evenly,
    its_actors_do_what_may_be_done,
    its_actors_say_with_which_chance_they_act,
    its_actors_draw_by_the_chance_that_they_say,
)


def _rng() -> np.random.Generator:
    return np.random.default_rng(7)


def _actor(environment: Environment, name: str) -> Actor:
    assert name in environment.actors, f"it brings {', '.join(environment.actors) or 'no actor'}; expected '{name}' among them"
    return environment.actors[name]


def _played(environment: Environment, *, n_episodes: int = 4, seed: int = 3) -> History:
    """Whole episodes of even draws."""
    return play(environment, _actor(environment, _RANDOM), n_episodes=n_episodes, seed=seed)


def _even(environment: Environment, n: int) -> NDArray[Any]:
    """Actions of n episodes, always the same."""
    state = environment.start(n, rng=_rng()).state
    return _actor(environment, _RANDOM).act(state, np.zeros(n, dtype=np.int64), rng=np.random.default_rng(0)).action


def _acts(environment: Environment, actor: Actor) -> Acted:
    """What an actor does in the first states of 50 episodes, at 50 places."""
    return actor.act(environment.start(50, rng=_rng()).state, np.arange(50), rng=_rng())


def _acts_often(environment: Environment, actor: Actor) -> Acted:
    """What it does in one state, over and over."""
    state = environment.start(1, rng=_rng()).state
    return actor.act(np.repeat(state, _N_DRAWS, axis=0), np.arange(_N_DRAWS), rng=_rng())
