"""Thompson sampling: an action's probability is the chance that it is the best one, given what is not yet known.

Question answered: in how many of the worlds that fit the data does each action win? The worlds are posterior draws that
are stored in the model, so that the probabilities are a fixed function of context and model, and exact.
Source: Thompson 1933; Agrawal & Goyal 2013 (arXiv:1209.3352).
Letters: n decisions, k allowed actions, s draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.policy import votes
from policyloop.policy.columns import Columns

NEEDS = "posterior"


@dataclass(frozen=True, slots=True)
class Thompson:
    """The share of the posterior draws that each action wins."""

    n_draws: int

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1, from draws of shape (..., s, k)."""
        assert draws is not None, "thompson was given no posterior draws"
        return votes.shares(draws)


def create(*, n_examples: int, reward_span: float, n_draws: int = 64) -> Thompson:
    """The explorer of one model.

    Args:
        n_examples: not needed here: the draws narrow by themselves.
        reward_span: not needed here.
        n_draws: worlds that are stored; probabilities are multiples of 1 / n_draws.

    Raises:
        BadSetting: n_draws is outside [2, 1024].
    """
    if not 2 <= n_draws <= 1024:
        raise BadSetting(f"explore.n_draws is {n_draws}; expected a whole number from 2 to 1,024.")
    return Thompson(n_draws)
