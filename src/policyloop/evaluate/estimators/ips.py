"""Inverse propensity scoring (IPS): unbiased, and noisy when policies differ.

Question answered: what would the target policy have earned on the logged traffic?
Source: Horvitz & Thompson 1952; for bandits, Dudík et al. 2014 (arXiv:1503.02834).
Letters: n examples, k actions.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from policyloop.core.estimate import Estimate
from policyloop.evaluate.arrays import checked, taken
from policyloop.evaluate.interval import mean_estimate
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
        Mean of `weight * reward`, its standard error, and the effective sample size.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together.
    """
    given = checked(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    weight = importance_weights(given.propensity, taken(given.target_pmf, given.action))
    return mean_estimate("ips", weight * given.reward, ess=ess(weight))
