"""Doubly robust (DR): a reward model, corrected by what was really seen; right if either model or propensities are.

Question answered: what would the target policy have earned, with as little noise as the predictions allow?
When to use: first. The gate's evidence is made of the same numbers, for the difference of two policies.
Source: Dudík, Erhan, Langford & Li 2014 (arXiv:1503.02834), equation 6. Letters: n examples, k actions.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.weighed import Weighed, weigh


def contributions(weighed: Weighed) -> Contributions:
    """What each example adds.

    Args:
        weighed: n examples.

    Raises:
        Invalid: there are no predictions.
    """
    believed, residual = weighed.foreseen(needed_by="dr")
    weight = weighed.weight
    return Contributions(
        estimator="dr",
        n=weighed.n,
        of=lambda part: believed[part] + weight[part] * residual[part],  # eq. 6: sum_a pi(a|x) q(x,a) + w (r - q(x,a_t))
        ess=weighed.ess,
    )


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
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed).estimate()
