"""Drift: all rates rise and fall by .1 in waves of 5,000 events, and the contexts in which the challenger wins wander.

The true difference is the same at every moment; what was learned about the rewards is out of date at every moment.
Otherwise as `canary`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.verdict import Call
from policyloop.simulate.gate.cells import FLOOR, N_CELLS, Cells, cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import Events, World, joined

_WAVE = 5000
_STEP = 100  # events in which rates stay the same
_HEIGHT = 0.1
_SWAY = 0.05  # of a gain, up or down


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run."""
    cells = cells_of(lift, rng=rng, margin=_HEIGHT + _SWAY / 2)
    return Drift(cells, canary=0.1 if canary is None else canary, rng=rng)


class Drift:
    """One run."""

    aim = Call.PROMOTE
    reward_range = Usual.reward_range
    n_cells = N_CELLS
    floor = FLOOR
    least_propensity = Usual.least_propensity

    def __init__(self, cells: Cells, *, canary: float, rng: np.random.Generator) -> None:
        self._usual = Usual(cells, canary=canary, rng=rng)
        self._served = cells.mixture(canary)
        self._n = 0
        self.lift = cells.lift
        self.shares = self._usual.shares

    def past(self) -> Events:
        """The champion's own log, before anything drifts."""
        return self._usual.past()

    def events(self, n: int) -> Events:
        """The next n decisions."""
        parts = []
        for start in range(0, n, _STEP):
            size = min(_STEP, n - start)
            parts.append(self._usual.cells.played(size, served=self._served, rng=self._usual.rng, rate=self.rate()))
            self._n += size
        return joined(parts)

    def rate(self) -> NDArray[np.float64]:
        """(c, k) the rates now."""
        cells, turn = self._usual.cells, 2 * math.pi * self._n / _WAVE
        apart = np.flatnonzero(cells.is_apart)
        sway = np.zeros(N_CELLS)
        sway[apart] = _SWAY * np.sin(turn + 2 * math.pi * np.arange(len(apart)) / len(apart))  # sums to 0 at every moment
        # Half a gain to the challenger's favourite, half from the champion's.
        towards = np.sign(cells.challenger - cells.champion) / 2
        return cells.rate + _HEIGHT * math.sin(turn) + sway[:, np.newaxis] * towards
