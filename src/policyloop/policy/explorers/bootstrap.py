"""Bootstrap: an action's probability is the share of resampled logs whose model holds it for the best one.

Question answered: had the log come out a little differently, how often would each action look best? The learner keeps
`n_draws` models, each of which weighs every example by a chance number of its own; each votes for its best action.
Unlike `thompson` it believes nothing of the noise: where rewards scatter more, the models disagree more. Where every
reward was the same, they all agree, and only the floor goes on trying.
Source: Efron 1979; Rubin 1981 (the weights); Eckles & Kaptein 2014 (arXiv:1410.4009).
Letters: n decisions, k allowed actions, s replicates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.policy import votes
from policyloop.policy.columns import Columns

NEEDS = "bootstrap"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The share of the replicates that each action wins."""

    n_draws: int

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1, from replicates of shape (..., s, k)."""
        assert draws is not None, "bootstrap was given no replicates"
        return votes.shares(draws)


def create(*, n_examples: int, reward_span: float, n_draws: int = 16) -> Bootstrap:
    """The explorer of one model.

    Args:
        n_examples: not needed here: the replicates agree more and more by themselves.
        reward_span: not needed here.
        n_draws: replicates that the learner keeps; probabilities are multiples of 1 / n_draws, ties apart.

    Raises:
        BadSetting: n_draws is outside [2, 256].
    """
    if not 2 <= n_draws <= 256:
        raise BadSetting(f"explore.n_draws is {n_draws}; expected a whole number from 2 to 256, the models to keep.")
    return Bootstrap(n_draws)
