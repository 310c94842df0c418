"""Votes: the share of the worlds in which each action is the best one.

Question answered: of s ways in which things may be, in how many does each action win? Where several win, they share.
Letters: k allowed actions, s worlds (posterior draws, or replicates of a bootstrap).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.policy.columns import NEAR, columns_of


def shares(worlds: NDArray[np.float64]) -> list[Any]:
    """A column per action, summing to 1, from expected rewards of shape (..., s, k)."""
    wins = worlds >= worlds.max(axis=-1, keepdims=True) - NEAR
    return list(columns_of((wins / wins.sum(axis=-1, keepdims=True)).mean(axis=-2)))
