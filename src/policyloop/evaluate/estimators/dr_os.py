"""Doubly robust with optimistic shrinkage (DRos): DR whose weights shrink, the larger ones the more.

Question answered: what would the target policy have earned, when the error of both model and weights is kept small?
When to use: with large weights and a fair model, as Switch-DR, but without its sharp edge.
Source: Su, Dimakopoulou, Krishnamurthy & Dudík 2020 (arXiv:1907.09623), section 3.1. Letters: n examples, k actions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.moments import total
from policyloop.evaluate.overlap import ess_of_parts
from policyloop.evaluate.weighed import Weighed, weigh


def contributions(weighed: Weighed, *, strength: float | None = None) -> Contributions:
    """What each example adds.

    Args:
        weighed: n examples.
        strength: lambda of the paper: a weight of its root is halved; None: n, at which the bias fades. Infinite: DR; 0: DM.

    Raises:
        Invalid: there are no predictions.
    """
    believed, residual = weighed.foreseen(needed_by="dr_os")
    weight, n = weighed.weight, weighed.n
    bound = float(n) if strength is None else strength

    def shrunk(part: slice) -> NDArray[np.float64]:
        some = weight[part]
        if bound == 0 or math.isinf(bound):
            return some if bound else np.zeros_like(some)
        return some / (1.0 + some**2 / bound)  # lambda w / (w^2 + lambda)

    lost = total(n, lambda part: (weight[part] - shrunk(part)) * residual[part]) / n if n else 0.0
    return Contributions(
        estimator="dr_os",
        n=n,
        of=lambda part: believed[part] + shrunk(part) * residual[part],
        ess=ess_of_parts(n, shrunk),
        bias=lost,
    )


def estimate(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None = None,
    strength: float | None = None,
) -> Estimate:
    """Value of the target policy, from examples logged by another.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability the logging policy gave that action, in (0, 1].
        action: (n,) index of the logged action, in [0, k).
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.
        strength: lambda of the paper: a weight of its root is halved; None: n, at which the bias fades. Infinite: DR; 0: DM.

    Returns:
        Mean of the predictions with shrunk corrections, its standard error, and the effective sample size of the shrunk
        weights. What the shrinking takes away counts as error.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together, or there are no predictions.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed, strength=strength).estimate()
