"""Reach: between which bounds an example's contribution lies, whatever was drawn and whatever it earned.

Question answered: how far could one example move the estimate? Intervals that hold exactly must know it before the rewards.
It follows from the probabilities of both policies and the range of rewards; where the log has no whole pmf, it is not known.
Letters: n examples, k actions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.moments import parts
from policyloop.evaluate.weighed import Weighed

UNKNOWN = (-math.inf, math.inf)


def reach_of(
    contributions: Callable[[Weighed], Contributions],
    *,
    target_pmf: NDArray[np.float64],
    logged_pmf: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
    rewards: tuple[float, float],
) -> tuple[float, float]:
    """The smallest and the largest contribution that any of the examples could have made.

    Args:
        contributions: of an estimator.
        target_pmf: (n, k) of the policy that is asked about.
        logged_pmf: (n, k) of the logging policy; NaN rows where it was not logged.
        predicted: (n, k) expected rewards, or None.
        rewards: the loop's smallest and largest reward.

    Returns:
        The range, which holds that of the rewards; infinite where a pmf is missing, or where the estimator is no mean of
        contributions that can be told apart.
    """
    if len(target_pmf) == 0 or np.isnan(logged_pmf).any():
        return UNKNOWN
    low, high = rewards
    believed = None if predicted is None else np.einsum("nk,nk->n", target_pmf, predicted)
    for action in range(target_pmf.shape[1]):
        p, target = logged_pmf[:, action], target_pmf[:, action]
        weight = np.where(p > 0, target / np.where(p > 0, p, 1.0), 0.0)
        for reward in rewards:
            every = np.full(len(weight), reward)
            residual = None if predicted is None else np.where(p > 0, reward - predicted[:, action], 0.0)
            made = contributions(Weighed(every, weight, believed, residual, math.nan))
            if not made.is_mean:
                return UNKNOWN
            for part in parts(made.n):
                some = made.of(part)
                low, high = min(low, float(some.min())), max(high, float(some.max()))
    return low, high
