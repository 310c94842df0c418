"""Stationary: nothing changes, and without a canary the champion alone decides; its floor is all that tries other actions.

Ten kinds of context, five actions, floor .1, reward rates from .15 to .45. The policies have different favourites in three
of the ten contexts, in which the challenger wins some and loses some.
"""

from __future__ import annotations

import numpy as np

from policyloop.simulate.gate.cells import cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import World


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run; no canary unless one is asked for."""
    return Usual(cells_of(lift, rng=rng), canary=canary or 0.0, rng=rng)
