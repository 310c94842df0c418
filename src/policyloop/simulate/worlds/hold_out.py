"""Hold-out: a tenth of the traffic stays with the baseline, and the line of models that decides the rest has gone wrong.

Here the lift is what the live model earns more than the baseline, so it is harm below 0, and what counts is the roll-back.
The baseline has the same favourite everywhere; the live model differs from it in six of the ten kinds of context.
"""

from __future__ import annotations

import numpy as np

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.cells import FLOOR, N_CELLS, Cells, cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import Events, World

_SHARE = 0.1
_N_APART = 6


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run; the hold-out's share is set by `canary` where one is given."""
    share = _SHARE if canary is None else canary
    return HoldOut(cells_of(lift, rng=rng, n_apart=_N_APART, favourite=0), share=share, rng=rng)


class HoldOut:
    """One run: the live model is judged as the challenger of the baseline."""

    aim = Call.ROLLBACK
    reward_range = Usual.reward_range
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = Usual.least_propensity

    def __init__(self, cells: Cells, *, share: float, rng: np.random.Generator) -> None:
        self._usual = Usual(cells, canary=1 - share, rng=rng)
        self.lift = cells.lift
        self.shares = self._usual.shares

    def past(self) -> Events:
        """The baseline's own log."""
        return self._usual.past()

    def events(self, n: int) -> Events:
        """The next n decisions."""
        return self._usual.events(n)
