"""Self-normalised doubly robust (SNDR): DR whose corrections are weighted by weights that add up.

Question answered: what would the target policy have earned, when neither large weights nor the model may carry it away?
When to use: where weights are far from adding up; beside DR, as SNIPS stands beside IPS.
Source: Thomas & Brunskill 2016 (arXiv:1604.00923), weighted doubly robust, for one step; standard error by the delta method.
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

    Raises:
        Invalid: there are no predictions.
    """
    believed, residual = weighed.foreseen(needed_by="sndr")
    weight, n = weighed.weight, weighed.n
    sum_of_weights = total(n, lambda part: weight[part])
    if sum_of_weights == 0.0:
        return nothing_weighs("sndr", n)
    correction = total(n, lambda part: weight[part] * residual[part]) / sum_of_weights
    scale = n / sum_of_weights
    return Contributions(
        estimator="sndr",
        n=n,
        of=lambda part: believed[part] + correction + scale * weight[part] * (residual[part] - correction),
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
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.

    Returns:
        Mean prediction plus the weighted mean of the corrections, its standard error, and the effective sample size. Value
        NaN and an infinite standard error when no example has weight.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together, or there are no predictions.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed).estimate()
