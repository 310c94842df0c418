"""The promises of environments: an honest one keeps them all, and every fault is found by its promise."""

import dataclasses

import numpy as np
import pytest

from policyloop.core.loop import ActionSpec
from policyloop.simulate.actor import Acted, Uniform
from policyloop.simulate.environment import Moved, Problem, named_columns
from policyloop.testing import environments as contract

LABELS = ("back", "on")


class Stairs:
    """Climb: `on` leads one stair up, but for a stumble now and then, `back` one down; at the fifth the episode terminates."""

    def __init__(self):
        self.problem = Problem(
            name="stairs",
            context={"stair": {"type": "integer", "min": -30, "max": 5}},
            actions=ActionSpec(kind="discrete", labels=LABELS),
            outcomes={"earned": {"type": "number", "take": "last"}},
            expression="earned",
            reward_range=(-1, 1),
            max_steps=30,
        )
        self.actors = {"random": Uniform(self.problem.actions)}

    def start(self, n, *, rng):
        return Climbs(n, rng)

    def columns(self, state):
        return named_columns(("stair",), state.astype(np.int64))


class Climbs:
    def __init__(self, n, rng):
        self.rng, self.stair, self.n_steps = rng, rng.integers(3, size=n), np.zeros(n, int)

    @property
    def state(self):
        return self.stair[:, np.newaxis].astype(np.float64)

    def step(self, action):
        self.stair = self.stair + np.where((action == 1) & (self.rng.random(len(action)) > 0.1), 1, -1)
        self.n_steps = self.n_steps + 1
        terminated = self.stair >= 5
        earned = np.where(terminated, 1.0, -0.1)
        return Moved(
            reward=earned, terminated=terminated, truncated=~terminated & (self.n_steps >= 30), outcomes={"earned": earned}
        )

    def keep(self, rows):
        self.stair, self.n_steps = self.stair[rows], self.n_steps[rows]

    def restart(self, rows):
        self.stair = np.where(rows, self.rng.integers(3, size=len(rows)), self.stair)
        self.n_steps = np.where(rows, 0, self.n_steps)


class DrawsFromElsewhere(Climbs):
    def __init__(self, n, rng):
        super().__init__(n, np.random.default_rng())


class EndsTwice(Climbs):
    def step(self, action):
        moved = super().step(action)
        return dataclasses.replace(moved, truncated=moved.terminated | moved.truncated)


class NeverEnds(Climbs):
    def step(self, action):
        moved = super().step(action)
        return dataclasses.replace(moved, truncated=moved.truncated & (self.n_steps >= 40))


class WritesOver(Climbs):
    def __init__(self, n, rng):
        super().__init__(n, rng)
        self.given = self.stair[:, np.newaxis].astype(np.float64)

    @property
    def state(self):
        self.given[:] = self.stair[:, np.newaxis]
        return self.given


class KeepsTheFirst(Climbs):
    def keep(self, rows):
        first = np.arange(len(rows)) < rows.sum()
        super().keep(first)


class RestartsAll(Climbs):
    def restart(self, rows):
        super().restart(np.ones(len(rows), bool))


class KeepsTheCount(Climbs):
    def restart(self, rows):
        n_steps = self.n_steps
        super().restart(rows)
        self.n_steps = n_steps


class OneReward(Climbs):
    def step(self, action):
        moved = super().step(action)
        return dataclasses.replace(moved, reward=moved.reward[0])


class EarnsTooMuch(Climbs):
    def step(self, action):
        moved = super().step(action)
        return dataclasses.replace(moved, reward=moved.reward * 5)


class Leans:
    """Says that it draws evenly, and does not."""

    def __init__(self, chance_of_on, said):
        self.chance, self.said = chance_of_on, said

    def act(self, state, step, *, rng):
        n = len(step)
        action = (rng.random(n) < self.chance).astype(int)
        pmf = np.tile([1 - self.said, self.said], (n, 1))
        return Acted(
            action=action, propensity=pmf[np.arange(n), action], is_random=np.ones(n, bool), kind="probability", pmf=pmf
        )


class Jumps(Leans):
    def act(self, state, step, *, rng):
        return dataclasses.replace(super().act(state, step, rng=rng), action=np.full(len(step), 2))


def stairs(climbs=Climbs, *, actor=None, **changes):
    made = Stairs()
    made.start = lambda n, *, rng: climbs(n, rng)
    made.problem = dataclasses.replace(made.problem, **changes)
    if actor is not None:
        made.actors = {"random": actor}
    return made


@pytest.mark.parametrize("promise", contract.PROMISES, ids=lambda promise: promise.__name__)
def test_an_honest_environment_keeps_every_promise(promise):
    promise(stairs())


WIDE = {"stair": {"type": "integer", "min": 0, "max": 5}}
TWO = {"stair": "number", "more": "number"}


@pytest.mark.parametrize(
    ("broken", "promise", "said"),
    [
        (stairs(context=TWO), contract.a_state_is_its_context_in_numbers, "tells stair; the problem declares stair, more"),
        (stairs(context=WIDE), contract.its_contexts_fit_their_declaration, "does not fit what the problem declares: row"),
        (stairs(DrawsFromElsewhere), contract.the_same_seed_plays_the_same_episodes, "the same seed played another"),
        (stairs(EndsTwice), contract.an_episode_ends_once_and_in_one_of_two_ways, "terminated and truncated at once"),
        (stairs(NeverEnds), contract.an_episode_ends_once_and_in_one_of_two_ways, "has 40 steps; expected 30 at most"),
        (stairs(WritesOver), contract.what_was_given_out_is_not_changed_later, "after they were given out"),
        (stairs(KeepsTheFirst), contract.keeping_some_leaves_them_as_they_are, "expected 0 and 2"),
        (stairs(RestartsAll), contract.restarting_some_leaves_the_others_alone, "restarting one episode changed another"),
        (stairs(KeepsTheCount), contract.a_new_episode_has_all_its_steps_before_it, "restart kept the old count"),
        (stairs(OneReward), contract.one_episode_is_as_many_are, r"reward of the shape \(\); expected \(3,\)"),
        (stairs(EarnsTooMuch), contract.rewards_stay_in_the_range_that_its_loop_declares, "expected -1 to 1, the range"),
        (stairs(outcomes={}), contract.rewards_stay_in_the_range_that_its_loop_declares, "expected .., those declared"),
        (stairs(actor=Jumps(1, 0.5)), contract.its_actors_do_what_may_be_done, "expected places from 0 to 1"),
        (stairs(actor=Leans(0.7, 0.7)), contract.its_actors_say_with_which_chance_they_act, "drew evenly with the propensity"),
        (stairs(actor=Leans(0.7, 0.5)), contract.its_actors_draw_by_the_chance_that_they_say, "more often than it says"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)  # fmt: skip
def test_an_environment_with_a_fault_is_found_out(broken, promise, said):
    with pytest.raises(AssertionError, match=said):
        promise(broken)
