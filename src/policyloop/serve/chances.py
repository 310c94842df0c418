"""Chances: from what an action that is numbers is drawn, labels beside them included, and the draw itself.

Question answered: which numbers are done, how likely were they, and would anyone else draw the same? Each number has a
keyed stream of its own, and so has each labelled part; whether all numbers are spread evenly is drawn once.
Letters: p labelled parts, k labels of a part, a numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from policyloop.core.density import Density
from policyloop.core.event import Floats, pack_floats
from policyloop.core.rng import draw
from policyloop.serve.probabilities import fault_in, point_of

Uniform = Callable[[str], float]  # the number in [0, 1) of a stream, such as `action 0`


class Chances(msgspec.Struct, frozen=True, gc=False):
    """What an action is drawn from."""

    density: Density
    pmfs: Sequence[list[float]] = ()  # (p, k): of each labelled part, a probability per label

    def point(self) -> Chances:
        """All of it on the likeliest action, which is what `explore: false` does."""
        density = self.density
        at_mode = Density(family="point", loc=density.mode(), low=density.low, high=density.high)
        return Chances(at_mode, [point_of(pmf) for pmf in self.pmfs])

    def at(self, choices: Sequence[int], values: Sequence[float]) -> float:
        """The propensity of an action: that of its labels times that of its numbers."""
        return math.prod((pmf[choice] for pmf, choice in zip(self.pmfs, choices, strict=True)), start=self.density.at(values))

    @property
    def kind(self) -> str:
        """The propensity's kind: that of the numbers, `mixed` where these are sure and the labels are not."""
        kind = self.density.kind
        is_sure = kind != "point" or all(max(pmf) == 1.0 for pmf in self.pmfs)
        return kind if is_sure else "mixed"

    @property
    def packed(self) -> list[Floats] | None:
        """The pmfs as they are logged; None without labelled parts."""
        return [pack_floats(pmf) for pmf in self.pmfs] or None


class Drawn(msgspec.Struct, frozen=True, gc=False):
    """An action that was drawn, and what from in the end."""

    chances: Chances
    choices: list[int]  # (p,)
    values: list[float]  # (a,)
    propensity: float
    is_even: bool  # the numbers were spread evenly: drawn from the floor, or by a policy that does nothing else


def drawn_from(chances: Chances, uniform: Uniform) -> Drawn:
    """Draw an action.

    A bell so far from the limits that nothing of it is left between them, to the digits of a float, is taken for what it
    comes to: the limit that is nearest, for sure.
    """
    choices = [draw(pmf, uniform(f"label {part}")) for part, pmf in enumerate(chances.pmfs)]
    values, is_even = _numbers(chances.density, uniform)
    propensity = chances.at(choices, values)
    if 0.0 < propensity < math.inf:
        return Drawn(chances, choices, values, propensity, is_even)
    density = chances.density
    nearest = Density(family="point", loc=density.mode(), low=density.low, high=density.high, floor=density.floor)
    sure = Chances(nearest, chances.pmfs)
    values = values if is_even else nearest.mode()
    return Drawn(sure, choices, values, sure.at(choices, values), is_even)


def fault_of(chances: Chances, low: Sequence[float], high: Sequence[float], n_labels: Sequence[int]) -> str | None:
    """What is wrong with a policy's answer, in words that follow its name; None when nothing is.

    Args:
        low, high: (a,) the limits that it was asked for.
        n_labels: (p,)
    """
    if len(chances.pmfs) != len(n_labels):
        return f"gave probabilities for {len(chances.pmfs)} labelled parts; expected {len(n_labels)}."
    for pmf, k in zip(chances.pmfs, n_labels, strict=True):
        wrong = fault_in(pmf, None, k)
        if wrong is not None:
            return wrong
    density = chances.density
    if density.low != low or density.high != high:
        return f"gave a density between {density.low} and {density.high}; expected the limits {low} and {high}."
    wrong = density.fault(len(low))
    return None if wrong is None else f"gave a density that {wrong}"


def _numbers(density: Density, uniform: Uniform) -> tuple[list[float], bool]:
    """No stream is asked for that decides nothing: each costs a microsecond."""
    coin = uniform("floor") if 0.0 < density.floor < 1.0 else 0.0
    if density.family == "point" and not coin < density.floor:
        return density.mode(), False
    return density.draw(coin, [uniform(f"action {i}") for i in range(len(density.low))])
