"""Canary: the challenger decides a share of the traffic, a tenth unless another is asked for, and the mixture is logged.

Otherwise as `stationary`: weights of events that speak for the challenger fall from 50 to 9.
"""

from __future__ import annotations

import numpy as np

from policyloop.simulate.gate.cells import cells_of
from policyloop.simulate.gate.usual import Usual
from policyloop.simulate.gate.world import World


def create(*, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run."""
    return Usual(cells_of(lift, rng=rng), canary=0.1 if canary is None else canary, rng=rng)
