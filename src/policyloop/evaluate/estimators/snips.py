"""Self-normalised inverse propensity scoring (SNIPS): a little bias for much less noise than IPS.

Question answered: what would the target policy have earned, when the weights are made to add up?
When to use: where no reward model is at hand; beside IPS, whose distance from it tells how far the weights are from adding up.
Source: Swaminathan & Joachims 2015 (NeurIPS 28); standard error by the delta method (Owen 2013, chapter 9).
Letters: n examples, k actions.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions, nothing_weighs
from policyloop.evaluate.moments import total
from policyloop.evaluate.weighed import Weighed, weigh


def contributions(weighed: Weighed) -> Contributions:
    """What each example adds.

    Args:
        weighed: n examples.
    """
    weight, reward, n = weighed.weight, weighed.reward, weighed.n
    sum_of_weights = total(n, lambda part: weight[part])
    if sum_of_weights == 0.0:
        return nothing_weighs("snips", n)
    value = total(n, lambda part: weight[part] * reward[part]) / sum_of_weights
    scale = n / sum_of_weights
    return Contributions(
        estimator="snips",
        n=n,
        of=lambda part: value + scale * weight[part] * (reward[part] - value),  # delta method for a ratio of means
        ess=weighed.ess,
        is_mean=False,
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
        Weighted mean of the reward, its standard error, and the effective sample size. Value NaN and an infinite
        standard error when no example has weight.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed).estimate()
