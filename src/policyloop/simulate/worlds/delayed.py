"""Delayed: rewards are known a window of 1,000 decisions after their decision; the gate sees matured events only, in order.

Otherwise as `canary`. So each look misses the newest 1,000 decisions, whether their rewards have come by then or not.
"""

from __future__ import annotations

import numpy as np

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.cells import FLOOR, N_CELLS, Cells, cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import Events, World, joined

WINDOW = 1000  # decisions


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run."""
    return Delayed(cells_of(lift, rng=rng), canary=0.1 if canary is None else canary, rng=rng)


class Delayed:
    """One run."""

    aim = Call.PROMOTE
    reward_range = Usual.reward_range
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = Usual.least_propensity

    def __init__(self, cells: Cells, *, canary: float, rng: np.random.Generator) -> None:
        self._usual = Usual(cells, canary=canary, rng=rng)
        self._waiting: Events | None = None
        self.lift = cells.lift
        self.shares = self._usual.shares

    def past(self) -> Events:
        """The champion's own log, long matured."""
        return self._usual.past()

    def events(self, n: int) -> Events:
        """What has matured by the end of the next n decisions."""
        new = self._usual.events(n)
        known = new if self._waiting is None else joined([self._waiting, new])
        n_matured = max(len(known) - WINDOW, 0)
        self._waiting = known[n_matured:]
        return known[:n_matured]
