"""Direct method (DM): believes a reward model, so it is calm, and wrong where the model is.

Question answered: what would the target policy earn if the predictions were true?
When to use: to see what the model alone says; where it stands far from DR, the model is wrong.
Source: Dudík et al. 2014 (arXiv:1503.02834), section 3.1. Letters: n examples, k actions.
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
    believed, _ = weighed.foreseen(needed_by="dm")
    return Contributions(estimator="dm", n=weighed.n, of=lambda part: believed[part], ess=float(weighed.n))


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
        reward: not used but for its length n; all estimators take the same arguments.
        propensity: not used; it may hold NaN.
        action: not used.
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.

    Returns:
        Mean of the expected prediction. The standard error is that of the mean over contexts: it knows nothing of
        the model's own errors. The effective sample size is n.

    Raises:
        Invalid: the arrays do not fit together, or there are no predictions.
    """
    weighed = weigh(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted, is_weighted=False)
    return contributions(weighed).estimate()
