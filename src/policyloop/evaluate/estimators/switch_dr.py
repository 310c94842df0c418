"""Switch doubly robust: DR that believes the model where the weight is too large to learn from.

Question answered: what would the target policy have earned, when examples of huge weight correct nothing?
When to use: with a fair model and a few very large weights; where it stands far from DR, those weights carry DR.
Source: Wang, Agarwal & Dudík 2017 (arXiv:1612.01205), equation 4. Letters: n examples, k actions.
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


def contributions(weighed: Weighed, *, tau: float | None = None) -> Contributions:
    """What each example adds.

    Args:
        weighed: n examples.
        tau: weights above this correct nothing; None: sqrt(n), at which the bias fades. Infinite: DR; 0: DM.

    Raises:
        Invalid: there are no predictions.
    """
    believed, residual = weighed.foreseen(needed_by="switch_dr")
    weight, n = weighed.weight, weighed.n
    bound = math.sqrt(n) if tau is None else tau

    def kept(part: slice) -> NDArray[np.float64]:
        return np.where(weight[part] <= bound, weight[part], 0.0)

    lost = total(n, lambda part: (weight[part] - kept(part)) * residual[part]) / n if n else 0.0
    return Contributions(
        estimator="switch_dr",
        n=n,
        of=lambda part: believed[part] + kept(part) * residual[part],  # eq. 4: corrected only where w <= tau
        ess=ess_of_parts(n, kept),
        bias=lost,
    )


def estimate(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None = None,
    tau: float | None = None,
) -> Estimate:
    """Value of the target policy, from examples logged by another.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability the logging policy gave that action, in (0, 1].
        action: (n,) index of the logged action, in [0, k).
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.
        tau: weights above this correct nothing; None: sqrt(n), at which the bias fades. Infinite: DR; 0: DM.

    Returns:
        Mean of the predictions as far as they are corrected, its standard error, and the effective sample size of the
        corrections. What the corrections left out would have changed counts as error.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
        Invalid: the arrays do not fit together, or there are no predictions.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted)
    return contributions(weighed, tau=tau).estimate()
