"""Inverse propensity scoring (IPS): unbiased, and noisy when policies differ.

Question answered: what would the target policy have earned on the logged traffic?
When to use: as the yardstick that believes no model; with few actions, or policies that are near each other.
Source: Horvitz & Thompson 1952; for bandits, Dudík et al. 2014 (arXiv:1503.02834).
Letters: n examples, k actions.
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
    """
    weight, reward = weighed.weight, weighed.reward
    return Contributions(
        estimator="ips",
        n=weighed.n,
        of=lambda part: weight[part] * reward[part],  # w r
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
        predicted: not used; all estimators take the same arguments.

    Returns:
        Mean of `weight * reward`, its standard error, and the effective sample size.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed).estimate()
