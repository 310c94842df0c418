"""The baseline where actions are numbers: what is done while no model is live, and wherever a model cannot be asked.

Question answered: which numbers are safe enough to act on without having learned anything? The middle of the bounds, any
number between the limits, or what the spec names; always inside the limits, and with the floor.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.density import Density
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.policy import floor as floors

UNIFORM, VALUES = "uniform", "values"


class BoxBaseline:
    """A policy that looks at no context. Immutable."""

    def __init__(self, spec: LoopSpec) -> None:
        self._floor = floors.check(spec.explore.floor)
        self._is_uniform = spec.baseline == UNIFORM
        named = spec.baseline_values if spec.baseline == VALUES else {}
        self._loc = [float(named.get(part.name, (part.low + part.high) / 2)) for part in spec.actions.box]
        firsts = [part.labels.index(str(named.get(part.name, part.labels[0]))) for part in spec.actions.choices]
        self._pmfs = [self._pmf(len(part.labels), first) for part, first in zip(spec.actions.choices, firsts, strict=True)]

    def pmfs(self, context: Context) -> list[list[float]]:
        """A probability per label of every labelled part."""
        return self._pmfs

    def density(self, context: Context, low: Sequence[float], high: Sequence[float]) -> Density:
        """Between the limits that hold now."""
        if self._is_uniform:
            return Density(family="uniform", low=list(low), high=list(high))
        return Density(family="point", loc=self._loc, low=list(low), high=list(high), floor=self._floor)

    def _pmf(self, k: int, first: int) -> list[float]:
        """Evenly, or on one label with its share of the floor for the others."""
        if self._is_uniform:
            return [1.0 / k] * k
        return [float(p) for p in floors.apply([float(i == first) for i in range(k)], self._floor)]
