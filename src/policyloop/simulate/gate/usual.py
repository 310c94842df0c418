"""The usual world: fixed rates, a champion, a challenger, and traffic shared between them. Other worlds change one thing.

Letters: k actions, c cells.
"""

from __future__ import annotations

import numpy as np

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.cells import FLOOR, N_ACTIONS, N_CELLS, N_PAST, Cells
from policyloop.simulate.gate.world import Events


class Usual:
    """One run. A world that changes something inherits nothing: it holds one of these."""

    aim = Call.PROMOTE
    reward_range = (0.0, 1.0)
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = FLOOR / N_ACTIONS  # both policies keep the floor, so each mixture of them does

    def __init__(self, cells: Cells, *, canary: float, rng: np.random.Generator) -> None:
        self.cells = cells
        self.lift = cells.lift
        self.shares = (1 - canary, canary)
        self.rng = rng
        self._served = cells.mixture(canary)

    def past(self) -> Events:
        """The champion's own log."""
        return self.cells.played(N_PAST, served=self.cells.champion, rng=self.rng)

    def events(self, n: int) -> Events:
        """The next n decisions; they mature at once."""
        return self.cells.played(n, served=self._served, rng=self.rng)
