"""Self-normalised inverse propensity scoring (SNIPS): a little bias for much less noise than IPS.

Question answered: what would the target policy have earned, when the weights are made to add up?
Source: Swaminathan & Joachims 2015 (NeurIPS 28); standard error by the delta method (Owen 2013, chapter 9).
Letters: n examples, k actions.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from policyloop.core.estimate import Estimate
from policyloop.evaluate.arrays import checked, taken
from policyloop.evaluate.overlap import ess, importance_weights


def estimate(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None = None,
) -> Estimate:
    """Value of the target policy, from examples logged by another.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability the logging policy gave that action, in (0, 1].
        action: (n,) index of the logged action, in [0, k).
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: not used; all estimators take the same arguments.

    Returns:
        Weighted mean of the reward, its standard error, and the effective sample size. Value NaN and an infinite
        standard error when no example has weight.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together.
    """
    given = checked(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    weight = importance_weights(given.propensity, taken(given.target_pmf, given.action))
    n, total = len(weight), float(weight.sum())
    if total == 0.0:
        return Estimate("snips", math.nan, math.inf, n, 0.0)
    value = float((weight * given.reward).sum() / total)
    # Delta method for a ratio of means: the sum of (w (r - v))^2 over (sum of w)^2, with n / (n - 1) for v's own fit.
    spread = float(((weight * (given.reward - value)) ** 2).sum())
    stderr = math.sqrt(spread * n / (n - 1)) / total if n > 1 else math.inf
    return Estimate("snips", value, stderr, n, ess(weight))
