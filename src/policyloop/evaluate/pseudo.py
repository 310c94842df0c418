"""Pseudo-outcomes: what each example says about the difference of two policies, as one number.

Question answered: how much more would the one policy have earned than the other, in the eyes of a single decision? Its
mean over examples is the doubly robust estimate of the difference; a gate adds it up as the examples come.
Source: Dudík, Erhan, Langford & Li 2014 (arXiv:1503.02834), equation 6, for a difference of two policies.
Letters: n examples, k actions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.arrays import taken
from policyloop.evaluate.overlap import importance_weights


def pseudo_outcomes(
    reward: NDArray[np.float64],
    propensity: NDArray[np.float64],
    *,
    action: NDArray[np.int64],
    moved: NDArray[np.float64],
    predicted: NDArray[np.float64],
) -> NDArray[np.float64]:
    """One doubly robust number for each example; unbiased when the propensities are true, whatever is predicted.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability with which that action was really served, in (0, 1]; of a mixture, the mixture's.
        action: (n,) index of the logged action, in [0, k).
        moved: (n, k) probabilities of the target policy minus those of the other one; rows that sum to 0. With a whole
            pmf instead, the mean is the target policy's own value.
        predicted: (n, k) expected reward of each action, by a model that never saw the example itself.

    Returns:
        (n,) in the reward unit; 0 where the two policies agree.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
    """
    weight = importance_weights(propensity, taken(moved, action))
    # phi = sum_a (pi_c - pi_l)(a|x) q(x,a) + (pi_c - pi_l)(a_t|x)/p_t (r_t - q(x,a_t))
    believed: NDArray[np.float64] = np.einsum("nk,nk->n", moved, predicted)
    return believed + weight * (reward - taken(predicted, action))
