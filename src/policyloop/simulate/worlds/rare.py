"""Rare: as `canary`, with a reward in one decision of two hundred.

Rates lie from .0025 to .0075, or up to .01 where the policies differ, so that lifts beyond .0024 are not possible: the
largest possible one is played then, and reported.
"""

from __future__ import annotations

import numpy as np

from policyloop.simulate.gate.cells import cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import World

_RATE = 0.005


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run."""
    cells = cells_of(lift, rng=rng, mean_reward=_RATE, largest_gain=2 * _RATE)
    return Usual(cells, canary=0.1 if canary is None else canary, rng=rng)
