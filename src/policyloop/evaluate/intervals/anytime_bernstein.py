"""Anytime Bernstein: a confidence sequence that holds exactly, when the range of the contributions is known.

Question answered: between which bounds does the truth surely lie, for somebody who looks whenever they like?
When to use: where a wrong answer is dear and the page is looked at while examples come in. The widest of all.
Promise: exact for any number of looks, where low and high are fixed before the first example, and each contribution is made
of what was known before its example and never changes again. Where the range comes from the examples seen so far
(evaluate/reach.py) it is exact for one look, at contexts like theirs; where examples predict one another, by cross-fitting, it
is nearly so.
Source: Waudby-Smith & Ramdas 2024 (arXiv:2010.09686), theorem 2, the predictable plug-in empirical Bernstein sequence.
Letters: n examples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

IS_EXACT = True

_MOST_STAKED = 0.5  # of the paper's c; in (0, 1)


def interval(
    values: NDArray[np.float64],
    *,
    level: float,
    weight: NDArray[np.float64] | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float]:
    """Two-sided bounds of the mean: what all looks so far leave open.

    Args:
        values: (n,) contributions of the examples, in [low, high], in the order in which they came.
        level: chance that the truth is inside at all times, in (0, 1).
        weight: not used; all intervals take the same arguments.
        low: the smallest contribution that an example could make, known before the rewards, and the same at all looks.
        high: the largest one.

    Returns:
        [low, high] without examples; nothing tighter than infinity where the range is not known.
    """
    n = len(values)
    if n == 0 or not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return low, high
    lower, upper = sequence((values - low) / (high - low), alpha=1 - level)
    return low + (high - low) * float(lower.max()), low + (high - low) * float(upper.min())


def sequence(x: NDArray[np.float64], *, alpha: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The bounds (n,) after each example, of values (n,) in [0, 1]; within [0, 1], and not yet intersected over time."""
    t = np.arange(1, len(x) + 1)
    mean = (0.5 + np.cumsum(x)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2)) / (t + 1)
    mean_before = np.concatenate([[0.5], mean[:-1]])
    variance_before = np.concatenate([[0.25], variance[:-1]])
    log_term = math.log(2 / alpha)
    stake = np.minimum(np.sqrt(2 * log_term / (variance_before * t * np.log1p(t))), _MOST_STAKED)  # eq. 15
    surprise = 4 * (x - mean_before) ** 2
    staked = np.cumsum(stake)
    center = np.cumsum(stake * x) / staked
    half = (log_term + np.cumsum(surprise * (-np.log1p(-stake) - stake) / 4)) / staked
    return np.clip(center - half, 0.0, 1.0), np.clip(center + half, 0.0, 1.0)
