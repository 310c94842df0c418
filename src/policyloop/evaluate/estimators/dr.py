"""Doubly robust (DR): a reward model, corrected by what was really seen; right if either model or propensities are.

Question answered: what would the target policy have earned, with as little noise as the predictions allow?
Source: Dudík, Erhan, Langford & Li 2014 (arXiv:1503.02834), equation 6. Letters: n examples, k actions.
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
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.

    Returns:
        Mean of the corrected predictions, its standard error, and the effective sample size of the corrections.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together, or there are no predictions.
    """
    given = checked(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    expected = given.predictions(needed_by="dr")
    weight = importance_weights(given.propensity, taken(given.target_pmf, given.action))
    # eq. 6: sum_a pi(a|x) q(x,a) + pi(a_t|x)/p_t (r_t - q(x,a_t))
    believed = (given.target_pmf * expected).sum(axis=1)
    corrected = believed + weight * (given.reward - taken(expected, given.action))
    return mean_estimate("dr", corrected, ess=ess(weight))
