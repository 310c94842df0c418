"""LinUCB: the action that could be the best one, given how little is known of it; the floor tries all others.

Question answered: which action has the highest upper bound on its expected reward? All probability is on it, so that
what is not well known gets tried on purpose, and the floor gives every allowed action the rest.
Source: Li et al. 2010 (arXiv:1003.0146), algorithm 1; its alpha is in units of the reward, this one in standard errors.
Letters: n decisions, k allowed actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.search_space import Between
from policyloop.policy.columns import Columns, columns_of, highest, rest_to_best

NEEDS = "width"
SEARCHED = {"alpha": Between(0.1, 2.0)}


@dataclass(frozen=True, slots=True)
class LinUCB:
    """All probability on the highest upper bound; ties share."""

    alpha: float
    n_draws: int = 1  # one row beside the means: the standard error of each

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1, from the standard errors of the means (..., 1, k)."""
        assert draws is not None, "linucb was given no widths"
        # p_a = theta_a' x + alpha sqrt(x' A_a^-1 x)
        upper = [m + self.alpha * width for m, width in zip(mean, columns_of(draws[..., 0, :]), strict=True)]
        return rest_to_best([0.0] * len(upper), upper, top=highest(upper))


def create(*, n_examples: int, reward_span: float, alpha: float = 1.0) -> LinUCB:
    """The explorer of one model.

    Args:
        n_examples: not needed here: the bounds close in by themselves.
        reward_span: not needed here.
        alpha: how many standard errors above its mean an action is given credit for, 0 or more; 0 is greedy.

    Raises:
        BadSetting: alpha is below 0.
    """
    if not alpha >= 0:
        raise BadSetting(f"explore.alpha is {alpha}; expected a number of 0 or more: standard errors above the mean.")
    return LinUCB(alpha)
