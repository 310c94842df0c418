"""Clipped inverse propensity scoring: IPS whose weights are held below a bound; a little bias for fewer outliers.

Question answered: what would the target policy have earned, when no single example may decide the answer?
When to use: with a few very large weights; where it stands far from IPS, the large weights carry the estimate.
Source: truncated importance sampling, Ionides 2008 (J. Comput. Graph. Stat. 17); for bandits, Bottou et al. 2013.
Letters: n examples, k actions.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.moments import total
from policyloop.evaluate.overlap import ess_of_parts
from policyloop.evaluate.weighed import Weighed, weigh


def contributions(weighed: Weighed, *, max_weight: float | None = None) -> Contributions:
    """What each example adds.

    Args:
        weighed: n examples.
        max_weight: weights are held below this; None: sqrt(n), at which the bias fades faster than the noise.
    """
    weight, reward, n = weighed.weight, weighed.reward, weighed.n
    bound = math.sqrt(n) if max_weight is None else max_weight
    lost = total(n, lambda part: np.maximum(weight[part] - bound, 0.0) * reward[part]) / n if n else 0.0
    return Contributions(
        estimator="clipped_ips",
        n=n,
        of=lambda part: np.minimum(weight[part], bound) * reward[part],  # min(w, M) r
        ess=ess_of_parts(n, lambda part: np.minimum(weight[part], bound)),
        bias=lost,
    )


def estimate(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None = None,
    max_weight: float | None = None,
) -> Estimate:
    """Value of the target policy, from examples logged by another.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability the logging policy gave that action, in (0, 1].
        action: (n,) index of the logged action, in [0, k).
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: not used; all estimators take the same arguments.
        max_weight: weights are held below this; None: sqrt(n), at which the bias fades faster than the noise.

    Returns:
        Mean of `min(weight, max_weight) * reward`, its standard error, and the effective sample size of the weights as they
        are held. What the clipping takes away counts as error.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed, max_weight=max_weight).estimate()
