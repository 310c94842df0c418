"""The floor: a small part of the probability that every allowed action shares evenly, whatever the explorer says.

Question answered: what is the final probability of each allowed action? It is the only place where the floor is applied;
with it every allowed action keeps at least floor/k, so that past decisions can be re-weighted for any other policy.
Letters: n decisions, k actions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.policy.columns import Columns


def apply(probabilities: Columns, floor: float) -> list[Any]:
    """`(1 - floor) q + floor / k` for the probabilities `q` of the k allowed actions; sums to 1 as `q` does."""
    keep = 1.0 - floor
    share = floor / len(probabilities)
    return [keep * q + share for q in probabilities]


def apply_to_many(pmf: NDArray[np.float64], allowed: NDArray[np.bool_], floor: float) -> NDArray[np.float64]:
    """The same for many decisions that may each allow other actions.

    Args:
        pmf: (n, k), 0 where not allowed.
        allowed: (n, k), at least one True a row.
    """
    share = np.divide(floor, allowed.sum(axis=1, keepdims=True))
    return np.where(allowed, (1.0 - floor) * pmf + share, 0.0)


def check(floor: float) -> float:
    """The floor itself, when it is total mass in [0, 1].

    Raises:
        BadSetting: it is outside, or not a number.
    """
    if not 0.0 <= floor <= 1.0:
        raise BadSetting(f"explore.floor is {floor}; expected a number from 0 to 1: the mass that all allowed actions share.")
    return floor
