"""Intervals: how far an estimate may be from the truth, for one look and for looking as often as one likes.

Question answered: given n independent values, between which bounds does their mean lie?
Source: the normal interval for one look; for any number of looks the asymptotic confidence sequence of
Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021 (arXiv:2103.06476), one-sided form (proposition B.1).
Letters: n values.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from policyloop.core.estimate import Estimate
from policyloop.evaluate.moments import moments

# The number of examples at which the bound for any number of looks is tightest. It stays valid at all others.
TIGHTEST_AT = 500


def mean_estimate(estimator: str, values: NDArray[np.float64], *, ess: float) -> Estimate:
    """The mean of independent values with its standard error.

    Args:
        estimator: the name that the estimate carries.
        values: (n,) one per example.
        ess: effective sample size of the weights behind the values, in [0, n].

    Returns:
        The mean; NaN when n is 0, with an infinite standard error when n < 2.
    """
    seen = moments(len(values), lambda part: values[part])
    return Estimate(estimator, seen.mean, seen.stderr, seen.n, ess)


def upper_bound(estimate: Estimate, *, alpha: float) -> float:
    """The truth lies above this with probability at most `alpha`, for one look at the data.

    Args:
        estimate: of at least 2 examples; else the bound is infinite or NaN.
        alpha: in (0, .5].
    """
    return estimate.value + NormalDist().inv_cdf(1 - alpha) * estimate.stderr


def anytime_upper_bound(estimate: Estimate, *, alpha: float, tightest_at: int = TIGHTEST_AT) -> float:
    """The truth lies above this with probability at most `alpha` at *any* time, however often one looks.

    Asymptotic: it asks for some tens of examples before the first look.

    Args:
        estimate: of the mean of the first n values of a sequence that grows.
        alpha: in (0, .5).
        tightest_at: the n at which the bound is closest to the estimate; must not depend on the data.
    """
    if estimate.n < 2:
        return math.inf
    n = estimate.n
    rho2 = (-2 * math.log(2 * alpha) + math.log(1 - 2 * math.log(2 * alpha))) / tightest_at
    # stderr is sigma / sqrt(n), so the paper's sigma * sqrt(2 (n rho2 + 1) / (n^2 rho2) log(...)) loses one n.
    width = math.sqrt(2 * (n * rho2 + 1) / (n * rho2) * math.log1p(math.sqrt(n * rho2 + 1) / (2 * alpha)))
    return estimate.value + width * estimate.stderr


def anytime_interval(estimate: Estimate, *, alpha: float, tightest_at: int = TIGHTEST_AT) -> tuple[float, float]:
    """The truth lies outside at *any* time with probability at most `alpha`, however often one looks; both sides at once.

    Asymptotic: it asks for some tens of examples before the first look.

    Args:
        estimate: of the mean of the first n values of a sequence that grows.
        alpha: in (0, 1).
        tightest_at: the n at which it is narrowest; must not depend on the data.
    """
    if estimate.n < 2:
        return -math.inf, math.inf
    n = estimate.n
    rho2 = (-2 * math.log(alpha) + math.log(1 - 2 * math.log(alpha))) / tightest_at
    # Theorem 2.2, with stderr for sigma / sqrt(n).
    width = math.sqrt(2 * (n * rho2 + 1) / (n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha)) * estimate.stderr
    return estimate.value - width, estimate.value + width
