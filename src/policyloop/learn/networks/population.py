"""A population: learners that differ in numbers and seeds alone, trained side by side in one compiled update.

Question answered: which learning rate, which conservative weight, which seed? Rows lie on the device once for all of them, and
the small matrices of many learners keep a processor busier than those of one.
Letters: m members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from policyloop.core.episode import Transitions
from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.learner import NetworkLearner
from policyloop.learn.networks.method import Learned, Method, Told, advanced
from policyloop.learn.networks.rows import Rows

Create = Callable[..., NetworkLearner]


class Population:
    """Learners in step with one another. Each is a learner of its own again by `member`."""

    def __init__(self, learners: Sequence[NetworkLearner]) -> None:
        """Take over learners of one shape that have learned nothing yet; see `population`."""
        self._learners = tuple(learners)
        self._together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one.learned for one in learners))

    def __len__(self) -> int:
        return len(self._learners)

    def advance(self, n_updates: int) -> list[Mapping[str, float] | None]:
        """Learn for so many updates, and tell the means over them of every member; None of one that has diverged."""
        first = self._learners[0]
        start, stop = first.n_updates, first.n_updates + n_updates
        self._together, sums = _advanced(
            first.method,
            first.batch,
            self._together,
            first.rows,
            jnp.int32(first.n_rows),
            jnp.int32(start),
            jnp.int32(stop),
        )
        for learner in self._learners:
            learner.n_updates = stop
        told = [{name: float(sums[name][i]) / n_updates for name in sums} for i in range(len(self))]
        return [numbers if _is_finite(numbers) else None for numbers in told]

    def member(self, i: int) -> NetworkLearner:
        """One of them as it stands, to be diagnosed, to hand out its policy, or to go on alone."""
        self._learners[i].learned = jax.tree.map(lambda leaf: leaf[i], self._together)
        return self._learners[i]


def population(
    create: Create,
    train: Transitions,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    members: Sequence[Mapping[str, Any]],
) -> Population:
    """Learners side by side.

    Args:
        create: the `create_episodic` of a learner.
        train: what all of them learn from.
        held_out: what they are told of.
        actions: the loop's.
        members: what each is created with beside these: a `seed`, and settings.

    Raises:
        BadSetting: there is no member, or they differ in more than numbers and seeds; as `create` does.
        Invalid: as `create` does.
    """
    if not members:
        raise BadSetting("the population has no member; expected at least one mapping with a `seed`.")
    learners: list[NetworkLearner] = []
    for i, settings in enumerate(members):
        learner = create(train, held_out, actions=actions, **settings)
        first = learners[0] if learners else learner
        if (learner.method, learner.batch, learner.room) != (first.method, first.batch, first.room):
            raise BadSetting(
                f"member {i} of the population has other sizes than member 0; expected the same width, depth, batch and other "
                f"whole numbers, true and false. Train learners of other sizes in a population of their own."
            )
        learner.rows, learner.held_out = first.rows, first.held_out  # once on the device
        learners.append(learner)
    return Population(learners)


@partial(jax.jit, static_argnames=("method", "batch"))
def _advanced(
    method: Method, batch: int, together: Learned, rows: Rows, n_rows: Array, start: Array, stop: Array
) -> tuple[Learned, Told]:
    """Every member further, each with minibatches of its own."""

    def alone(learned: Learned) -> tuple[Learned, Told]:
        after: tuple[Learned, Told] = advanced(method, batch, learned, rows, n_rows, start, stop)
        return after

    return jax.vmap(alone)(together)


def _is_finite(told: Mapping[str, float]) -> bool:
    return all(abs(number) < float("inf") for number in told.values())
