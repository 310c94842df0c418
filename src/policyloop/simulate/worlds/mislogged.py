"""Mislogged: the log says that everything was drawn with a floor of .1, and it was drawn with a floor of .05.

So actions that are seldom tried come half as often as they should. Otherwise as `canary`; the log check has to see it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.cells import FLOOR, N_ACTIONS, N_CELLS, N_PAST, Cells, cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import Events, World

_TRUE_FLOOR = 0.05


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run."""
    return Mislogged(cells_of(lift, rng=rng), canary=0.1 if canary is None else canary, rng=rng)


class Mislogged:
    """One run."""

    aim = Call.PROMOTE
    reward_range = Usual.reward_range
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = Usual.least_propensity

    def __init__(self, cells: Cells, *, canary: float, rng: np.random.Generator) -> None:
        self._cells, self._rng = cells, rng
        self._said = cells.mixture(canary)
        self._served = _with_less_floor(self._said)
        self.lift = cells.lift
        self.shares = (1 - canary, canary)

    def past(self) -> Events:
        """The champion's own log, drawn as it says."""
        return self._cells.played(N_PAST, served=self._cells.champion, rng=self._rng)

    def events(self, n: int) -> Events:
        """The next n decisions, with probabilities that are not true."""
        return self._cells.played(n, served=self._served, logged=self._said, rng=self._rng)


def _with_less_floor(pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same preferences with the smaller floor."""
    rest = (pmf - FLOOR / N_ACTIONS) / (1 - FLOOR)
    return rest * (1 - _TRUE_FLOOR) + _TRUE_FLOOR / N_ACTIONS
