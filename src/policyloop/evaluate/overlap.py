"""Overlap: whether the log has seen enough of what the target policy would do to say anything about it.

Question answered: how many examples is the weighted evidence worth, and does one example dominate it?
Source: effective sample size, Kish 1965. Letters: n examples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadPropensity


@dataclass(frozen=True, slots=True)
class Overlap:
    """How well logged examples cover a target policy."""

    n: int
    ess: float  # effective sample size, in [0, n]
    largest_share: float  # of the squared weight, by one example, in [0, 1]


def importance_weights(propensity: NDArray[np.float64], target_prob: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much more often the target policy takes the logged action than the logging policy did.

    Args:
        propensity: (n,) probability the logging policy gave the logged action, in (0, 1].
        target_prob: (n,) probability the target policy gives that same action, in [0, 1].

    Returns:
        (n,) weights >= 0, with expectation 1.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
    """
    bad = ~((propensity > 0) & (propensity <= 1))
    if bad.any():
        row = int(bad.argmax())
        raise BadPropensity(row, float(propensity[row]))
    return target_prob / propensity  # w = pi(a|x) / p


def ess(weights: NDArray[np.float64]) -> float:
    """Effective sample size: how many equally weighted examples carry as much; in [0, n], 0 when all weights are 0.

    Args:
        weights: (n,) of any sign; their sizes count.
    """
    sizes = np.abs(weights)
    largest = float(sizes.max(initial=0.0))
    if largest == 0.0:
        return 0.0
    scaled = sizes / largest  # squares of very small or very large weights must not vanish or overflow
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def overlap(propensity: NDArray[np.float64], target_prob: NDArray[np.float64]) -> Overlap:
    """How well the examples cover the target policy; arguments and errors as in `importance_weights`."""
    weights = importance_weights(propensity, target_prob)
    squares = weights**2
    total = float(squares.sum())
    return Overlap(len(weights), ess(weights), float(squares.max()) / total if total > 0 else 0.0)
