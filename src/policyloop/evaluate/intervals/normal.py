"""Normal: the closed form for one look; the mean and so many standard errors to either side.

Question answered: between which bounds does the truth lie, when many examples of like weight speak?
When to use: with thousands of examples of which none dominates; where few carry the estimate it covers less than it says.
Promise: asymptotic, for one look that was planned before.
Source: the central limit theorem. Letters: n examples.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.moments import moments

IS_EXACT = False


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
        values: (n,) contributions of the examples.
        level: chance that the truth is inside, in (0, 1).
        weight: not used; all intervals take the same arguments.
        low: not used.
        high: not used.

    Returns:
        Infinite bounds, or NaN, when n < 2.
    """
    seen = moments(len(values), lambda part: values[part])
    half = NormalDist().inv_cdf(0.5 + level / 2) * seen.stderr
    return seen.mean - half, seen.mean + half
