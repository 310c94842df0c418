"""Rows on the device: transitions as a learner sees them, checked, and scaled when a minibatch is taken of them.

Question answered: what follows what, and in which units? A state is standardised by the mean and deviation of the history, an
image by its largest number alone; a number of an action by its box; a reward by the largest that the history has. A value of
the next state is expected wherever an episode did not terminate: where it was truncated, too.
Letters: n rows, d numbers of a state, a numbers of an action, p labelled parts.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec
from policyloop.learn.broken_rows import box_of, check_rows


class Rows(NamedTuple):
    """Transitions, or a minibatch of them."""

    state: Array  # (n, d) or (n, *shape)
    action: Array  # (n, a) in [-1, 1]; before them a 0 or 1 for every label, where labels stand beside numbers
    label: Array  # (n, p)
    reward: Array  # (n,)
    next_state: Array
    goes_on: Array  # (n,) 0 where the row terminated, else 1
    next_action: Array  # as `action`, of the row after it
    has_next: Array  # (n,) 1 where there is such a row

    @property
    def n(self) -> int:
        """How many there are room for."""
        return len(self.reward)


class Scaler(NamedTuple):
    """The units of states and rewards, from the history alone."""

    mean: Array  # of the shape of a state
    scale: Array
    reward: Array  # ()

    def states(self, raw: Array) -> Array:
        """In units of the scaler."""
        return (raw.astype(jnp.float32) - self.mean) / self.scale


def picked(rows: Rows, places: Array) -> Rows:
    """Some of them."""
    return Rows(*(column[places] for column in rows))


def scaled(some: Rows, scaler: Scaler) -> Rows:
    """Rows in units of the scaler."""
    return some._replace(
        state=scaler.states(some.state),
        next_state=scaler.states(some.next_state),
        reward=some.reward / scaler.reward,
        goes_on=some.goes_on.astype(jnp.float32),
        has_next=some.has_next.astype(jnp.float32),
    )


def rows_of(history: Transitions, actions: ActionSpec) -> Rows:
    """Transitions on the device; nothing is scaled yet but the numbers of actions.

    Raises:
        Invalid: a row cannot be learned from.
    """
    check_rows(history, actions)
    center, half = box_of(actions)
    numbers = np.clip((history.action_value - center) / half, -1.0, 1.0).astype(np.float32)
    action = np.concatenate([*_ones_of(history.action, actions), numbers], axis=1)
    has_next = ~history.is_last
    return Rows(
        state=jnp.asarray(_numbers(history.state)),
        action=jnp.asarray(action),
        label=jnp.asarray(history.action.astype(np.int32)),
        reward=jnp.asarray(history.reward.astype(np.float32)),
        next_state=jnp.asarray(_numbers(history.next_state)),
        goes_on=jnp.asarray(~history.terminated),
        next_action=jnp.asarray(np.concatenate([action[1:], action[:1]])),
        has_next=jnp.asarray(has_next),
    )


def scaler_of(history: Transitions) -> Scaler:
    """Mean and deviation of every number of a state; of images 0 and the largest number; the largest reward."""
    shape = history.state.shape[1:]
    mean, scale = np.zeros(shape, np.float32), np.ones(shape, np.float32)
    if len(history) and len(shape) > 1:
        scale += np.float32(max(float(np.abs(history.state).max()), 1.0) - 1.0)
    elif len(history):
        mean = history.state.mean(axis=0, dtype=np.float64).astype(np.float32)
        spread = history.state.std(axis=0, dtype=np.float64).astype(np.float32)
        scale = np.where(spread > 1e-6 * np.maximum(np.abs(mean), 1.0), spread, np.float32(1.0))  # constants stay as they are
    largest = float(np.abs(history.reward).max()) if len(history) else 0.0
    return Scaler(jnp.asarray(mean), jnp.asarray(scale), jnp.float32(largest if largest > 0 else 1.0))


def _ones_of(labels: NDArray[np.int32], actions: ActionSpec) -> list[NDArray[np.float32]]:
    """(n, k) of each labelled part beside numbers: a 1 at the label taken."""
    return [np.eye(len(part.labels), dtype=np.float32)[labels[:, i]] for i, part in enumerate(actions.choices)]


def _numbers(state: NDArray[np.generic]) -> NDArray[np.generic]:
    """Images of bytes stay bytes, which is a quarter of the memory; all else is float32."""
    return state if state.dtype == np.uint8 else state.astype(np.float32)
