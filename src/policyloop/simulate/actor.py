"""An actor: whoever acts in an environment, and says with which chance it did what it did.

Question answered: what is done in these states, how likely was it, and who is behind it? A step drawn evenly carries the
density, or probability, of the even draw; a step that could not have been another is a point mass of 1.
Letters: n states, a numbers of an action, k labels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import EpisodePolicy
from policyloop.core.loop import ActionSpec

RANDOM, EXPERT, POLICY, HUMAN = "random", "expert", "policy", "human"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Acted:
    """What was done in n states."""

    action: NDArray[Any]  # (n, a) numbers, or (n,) places of labels
    propensity: NDArray[np.float64]  # (n,)
    is_random: NDArray[np.bool_]  # (n,) drawn evenly from all that may be done
    kind: str = "point"  # of the rest: `point`, `probability` or `density`
    source: str = EXPERT  # of the rest: `expert`, `policy` or `human`
    pmf: NDArray[np.float64] | None = None  # (n, k) what the label was drawn from; None of numbers


class Actor(Protocol):
    """Acts in states, without memory."""

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """What it does.

        Args:
            state: (n, d) or (n, *shape)
            step: (n,) place of each in its episode, from 0.
        """
        ...


class Uniform:
    """Draws evenly from all that may be done."""

    def __init__(self, actions: ActionSpec) -> None:
        self._k = len(actions.labels)
        self._low = np.array([part.low for part in actions.box])
        self._high = np.array([part.high for part in actions.box])
        self.propensity = 1.0 / self._k if self._k else 1.0 / math.prod(self._high - self._low)

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """See `Actor`."""
        n = len(step)
        action = rng.integers(self._k, size=n) if self._k else rng.uniform(self._low, self._high, (n, len(self._low)))
        pmf = np.full((n, self._k), self.propensity) if self._k else None
        return Acted(action=action, propensity=np.full(n, self.propensity), is_random=np.ones(n, np.bool_), pmf=pmf)


class Certain:
    """Does what a function says, always.

    Args:
        function: states (n, ...) to numbers (n, a) or places of labels (n,).
        source: who is behind it.
        n_labels: k; 0 of numbers.
    """

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[Any]], *, source: str, n_labels: int = 0) -> None:
        self._function = function
        self._source = source
        self._k = n_labels

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """See `Actor`."""
        n = len(step)
        action = self._function(state)
        pmf = np.eye(self._k)[action] if self._k else None
        return Acted(action=action, propensity=np.ones(n), is_random=np.zeros(n, np.bool_), source=self._source, pmf=pmf)


class Drawn:
    """Draws a label from the probabilities that a function gives for states (n, ...): (n, k), each row with a sum of 1."""

    def __init__(self, function: Callable[[NDArray[Any]], NDArray[np.float64]], *, source: str = POLICY) -> None:
        self._function = function
        self._source = source

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """See `Actor`."""
        n = len(step)
        pmf = self._function(state)
        cdf = pmf.cumsum(axis=1)
        action = (rng.random(n)[:, np.newaxis] * cdf[:, -1:] >= cdf[:, :-1]).sum(axis=1)
        propensity = pmf[np.arange(n), action]
        return Acted(
            action=action,
            propensity=propensity,
            is_random=np.zeros(n, np.bool_),
            kind="probability",
            source=self._source,
            pmf=pmf,
        )


class EveryNth:
    """Draws every n-th step evenly, the first included, and leaves the others to another actor. No coin is thrown."""

    def __init__(self, uniform: Uniform, other: Actor, *, every: int) -> None:
        self._uniform = uniform
        self._other = other
        self._every = every

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """See `Actor`."""
        is_random = step % self._every == 0
        return mixed(is_random, self._uniform.act(state, step, rng=rng), self._other.act(state, step, rng=rng))


class Sometimes:
    """Throws a coin for each step: drawn evenly, or left to another actor. The density is that of the side that it fell on."""

    def __init__(self, uniform: Uniform, other: Actor, *, fraction: float) -> None:
        self._uniform = uniform
        self._other = other
        self._fraction = fraction

    def act(self, state: NDArray[Any], step: NDArray[np.int64], *, rng: np.random.Generator) -> Acted:
        """See `Actor`."""
        is_random = rng.random(len(step)) < self._fraction
        return mixed(is_random, self._uniform.act(state, step, rng=rng), self._other.act(state, step, rng=rng))


def even_kind(actions: ActionSpec) -> str:
    """What the propensity of an even draw is: a probability of labels, a density of numbers."""
    return "density" if actions.box else "probability"


def certain_of(policy: EpisodePolicy, actions: ActionSpec) -> Certain:
    """A policy without exploring: its own action, or the label of the highest value."""
    if actions.box:
        return Certain(policy.act, source=POLICY)
    return Certain(lambda state: policy.scores(state).argmax(axis=1), source=POLICY, n_labels=len(actions.labels))


def mixed(is_random: NDArray[np.bool_], even: Acted, other: Acted) -> Acted:
    """The even draw in the rows that `is_random` (n,) names, the other elsewhere."""
    is_even = is_random if even.action.ndim == 1 else is_random[:, np.newaxis]
    pmf = None if even.pmf is None or other.pmf is None else np.where(is_random[:, np.newaxis], even.pmf, other.pmf)
    return Acted(
        action=np.where(is_even, even.action, other.action),
        propensity=np.where(is_random, even.propensity, other.propensity),
        is_random=is_random | other.is_random,
        kind=other.kind,
        source=other.source,
        pmf=pmf,
    )
