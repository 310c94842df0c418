"""What a policy over a box wants in one context: where it would act, how much it varies, and the box itself.

Question answered: what does an explorer over a box start from? It turns this into the density that the action is drawn from.
Letters: a numbers of an action, p labelled parts beside them, k labels of a part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.core.episode import EpisodePolicy

_FARTHEST = 8.0  # before squashing: the tanh of it is 1 but for 2e-7


class Wanted(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One answer of a network. Plain lists, since NumPy costs more than it saves for a handful of numbers."""

    action: list[float]  # (a,) without exploring, in the action's units
    location: list[float]  # (a,) of its own distribution: before squashing where it is squashed, else in the action's units
    deviation: list[float]  # (a,) standard deviation beside it; 0 for a policy that never varies
    is_squashed: bool  # whether its own distribution goes through a tanh into the box
    center: list[float]  # (a,) middle of the box that it learned in
    half: list[float]  # (a,) half the width of that box
    pmfs: list[list[float]] = []  # (p, k) its own probability of every label, of each part that stands beside the numbers


class Whole(EpisodePolicy, Protocol):
    """A policy of episodes that says what it takes and gives: a network, trees, or what another program made."""

    @property
    def n_numbers(self) -> int:
        """How many numbers an action has, a; 0 where actions are labels."""
        ...

    @property
    def state_shape(self) -> tuple[int, ...]:
        """(d,), or the shape of an image."""
        ...


class BoxModel(Protocol):
    """The same as it serves, one state at a time."""

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """(p, k) the labels of each part that stands beside the numbers; none where there are numbers alone."""
        ...

    @property
    def network(self) -> Whole:
        """The whole, for many states at once."""
        ...

    def wanted(self, state: NDArray[Any]) -> Wanted:
        """What it wants in one state; BadModel where it answers what is no number."""
        ...

    def value(self, state: NDArray[Any], action: Sequence[float], choices: Sequence[int] = ()) -> float:
        """The conservative expected return of one action in one state: its numbers (a,), and places of its labels (p,)."""
        ...


class BoxExplorer(Protocol):
    """Turns what is wanted into a density, before the floor. A pure function of its arguments; `create_box` makes it."""

    def density(self, wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
        """Between the limits (a,) that hold for this decision."""
        ...

    def pmfs(self, wanted: Wanted) -> list[list[float]]:
        """(p, k) a probability for every label of the parts that stand beside the numbers; asked only where there are any."""
        ...


def bell(wanted: Wanted, deviation: list[float], low: Sequence[float], high: Sequence[float]) -> Density:
    """A bell around the wanted action, not squashed, and cut off at the limits.

    Where the wanted action is beyond a limit, the bell's top is at that limit: of a bell far outside too little would be left
    between the limits to tell its density.

    Args:
        deviation: (a,) in the action's units, above 0.
    """
    tops = [min(max(x, a), b) for x, a, b in zip(wanted.action, low, high, strict=True)]
    return Density(family="normal", loc=tops, scale=deviation, low=list(low), high=list(high))


def squashed_bell(wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
    """The squashed bell that is wanted, cut off at the limits; its top is moved to a limit as that of `bell` is."""
    tops = [
        min(max(x, _before_tanh((a - c) / h)), _before_tanh((b - c) / h))
        for x, a, b, c, h in zip(wanted.location, low, high, wanted.center, wanted.half, strict=True)
    ]
    return Density(
        family="tanh_normal",
        loc=tops,
        scale=wanted.deviation,
        center=wanted.center,
        half=wanted.half,
        low=list(low),
        high=list(high),
    )


def likeliest(wanted: Wanted) -> list[list[float]]:
    """(p, k) all probability of each labelled part on its likeliest label, the first at a tie."""
    best = [pmf.index(max(pmf)) for pmf in wanted.pmfs]
    return [[float(i == place) for i in range(len(pmf))] for pmf, place in zip(wanted.pmfs, best, strict=True)]


def _before_tanh(place: float) -> float:
    """Where the tanh is `place`; at the ends of the box a place so near that nobody could tell."""
    end = math.tanh(_FARTHEST)
    return math.atanh(min(max(place, -end), end))


def point(wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
    """Always the action that is wanted, or what of it the limits leave."""
    return Density(family="point", loc=wanted.action, low=list(low), high=list(high))
