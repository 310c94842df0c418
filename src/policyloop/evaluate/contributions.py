"""Contributions: one number for each example, whose mean is an estimate. Estimates and all intervals are made from them.

Question answered: what does each example add to an estimator's value, and how sure may one be of their mean?
Letters: n examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.estimate import Estimate
from policyloop.evaluate.moments import Moments, Parts, moments, parts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contributions:
    """What an estimator makes of weighed examples."""

    estimator: str
    n: int
    of: Parts  # the contributions of some rows; they are computed when they are asked for
    ess: float  # effective sample size of the weights behind them, in [0, n]
    bias: float = 0.0  # that holding weights back brings, as the data show it; it counts as error
    is_mean: bool = True  # False where a contribution depends on the other examples, as in self-normalised estimators

    def values(self) -> NDArray[np.float64]:
        """(n,) all of them."""
        every = np.empty(self.n)
        for part in parts(self.n):
            every[part] = self.of(part)
        return every

    def estimate(self) -> Estimate:
        """Their mean with its standard error, in which the bias counts."""
        return self.estimate_from(moments(self.n, self.of))

    def estimate_from(self, seen: Moments) -> Estimate:
        """The same, of moments that are known already."""
        return Estimate(self.estimator, seen.mean, math.hypot(seen.stderr, self.bias), self.n, self.ess)


def nothing_weighs(estimator: str, n: int) -> Contributions:
    """Of examples of which none has weight: no value, and an infinite error."""
    return Contributions(
        estimator=estimator, n=n, of=lambda part: np.full(part.stop - part.start, math.nan), ess=0.0, bias=math.inf
    )
