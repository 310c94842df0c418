"""Empirical likelihood (Cressie-Read): which means could the examples have, if their weights must have the mean 1?

Question answered: between which bounds does the truth lie, when what is known of the weights is used as well?
When to use: beside `normal`, for IPS above all; it takes out the noise that the weights share with the rewards. Where few
examples carry the estimate it asks what one that has not come yet, the most extreme that could, would change.
Promise: asymptotic, for one look that was planned before.
Source: Karampatziakis, Langford & Mineiro 2020 (arXiv:1906.03323); the Cressie-Read divergence of power -2 (Baggerly 1998),
for which the dual has a closed form in the means and covariances of weights and contributions.
Letters: n examples.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.moments import skewness

IS_EXACT = False

_LOPSIDED = 0.1  # skewness over the root of n, above which an example that has not come is thought of


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
        weight: (n,) importance weights, whose mean would be 1 with ever more examples; None: nothing is known of them.
        low: the smallest contribution that an example could make; -inf: unknown, and no unseen example is thought of.
        high: the largest one; inf: unknown.

    Returns:
        Infinite bounds when n < 2.
    """
    n = len(values)
    if n < 2:
        return -math.inf, math.inf
    bounds = [_profile(values, weight, level)]
    if abs(skewness(n, lambda part: values[part])) > _LOPSIDED * math.sqrt(n) or bounds[0][0] == bounds[0][1]:
        unseen = [one for one in (low, high) if math.isfinite(one)]
        bounds += [_profile(np.append(values, one), _with_one_more(weight), level) for one in unseen]
    return min(lower for lower, _ in bounds), max(upper for _, upper in bounds)


def _with_one_more(weight: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """The weights of the examples and of one that has not come, which is given the mean weight of 1."""
    return None if weight is None else np.append(weight, 1.0)


def _profile(values: NDArray[np.float64], weight: NDArray[np.float64] | None, level: float) -> tuple[float, float]:
    """Where the divergence from the distribution of the examples stays below the quantile.

    The divergence of power -2 is n (z - m)' S^-1 (z - m) for means m of z = (w, contribution) with w's own fixed at 1, so that
    its least value over everything but the mean of the contributions is reached at the regression on the weights.
    """
    n, mean, spread = len(values), float(values.mean()), float(values.var())
    slope = off = 0.0
    if weight is not None:
        away = weight - weight.mean()
        variance = float(away @ away) / n
        if variance > 0:
            together = float(away @ (values - mean)) / n
            slope, off = together / variance, float(weight.mean()) - 1.0
            spread = max(spread - slope * together, 0.0)
    center = mean - slope * off
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt(spread / (n - 1))
    return center - half, center + half
