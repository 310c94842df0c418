"""Adaptive: a third policy decides, and learns from its own rewards all the time; champion and challenger only watch.

It favours whatever has earned most so far in each kind of context, with a floor of .1. With a canary the challenger decides
its share as well. Otherwise as `stationary`: what is logged depends on luck, and the evidence has to stand that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.belief import Belief
from policyloop.simulate.gate.cells import FLOOR, N_ACTIONS, N_CELLS, N_PAST, Cells, cells_of, favouring
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import Events, World, joined

_STEP = 100  # events between two lessons


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run; no canary unless one is asked for."""
    return Adaptive(cells_of(lift, rng=rng), canary=canary or 0.0, rng=rng)


class Adaptive:
    """One run."""

    aim = Call.PROMOTE
    reward_range = Usual.reward_range
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = Usual.least_propensity

    def __init__(self, cells: Cells, *, canary: float, rng: np.random.Generator) -> None:
        self._cells, self._canary, self._rng = cells, canary, rng
        self._belief = Belief(N_CELLS, N_ACTIONS)
        self.lift = cells.lift
        self.shares = (0.0, canary)  # the champion does not serve

    def past(self) -> Events:
        """The log of the learning policy without the challenger."""
        return self._played(N_PAST, canary=0.0)

    def events(self, n: int) -> Events:
        """The next n decisions."""
        return self._played(n, canary=self._canary)

    def _played(self, n: int, *, canary: float) -> Events:
        parts = []
        for start in range(0, n, _STEP):
            served = (1 - canary) * self._own() + canary * self._cells.challenger
            parts.append(self._cells.played(min(_STEP, n - start), served=served, rng=self._rng))
            self._belief.learn(parts[-1])
        return joined(parts)

    def _own(self) -> NDArray[np.float64]:
        """(c, k) what the learning policy does now."""
        return favouring(self._belief.table.argmax(axis=1))
