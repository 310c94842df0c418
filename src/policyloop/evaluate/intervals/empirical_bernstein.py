"""Empirical Bernstein: bounds that hold for every number of examples, when the range of their contributions is known.

Question answered: between which bounds does the truth surely lie, however few and however uneven the examples are?
When to use: where a wrong answer is dear and rewards are rare; it is wide, and honest about it.
Promise: exact for one look that was planned before.
Source: Maurer & Pontil 2009 (arXiv:0907.3740), theorem 4. Letters: n examples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.moments import moments

IS_EXACT = True


def interval(
    values: NDArray[np.float64],
    *,
    level: float,
    weight: NDArray[np.float64] | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float]:
    """Two-sided bounds of the mean.

    Args:
        values: (n,) contributions of the examples, in [low, high].
        level: chance that the truth is inside, in (0, 1).
        weight: not used; all intervals take the same arguments.
        low: the smallest contribution that an example could make, known before the rewards.
        high: the largest one.

    Returns:
        [low, high] when n < 2; nothing tighter than infinity where the range is not known.
    """
    n = len(values)
    if n < 2 or not (math.isfinite(low) and math.isfinite(high)):
        return low, high
    seen = moments(n, lambda part: values[part])
    log_term = math.log(4 / (1 - level))  # theorem 4 for each side at (1 - level) / 2
    half = math.sqrt(2 * seen.squares / (n - 1) * log_term / n) + 7 * (high - low) * log_term / (3 * (n - 1))
    return max(seen.mean - half, low), min(seen.mean + half, high)
