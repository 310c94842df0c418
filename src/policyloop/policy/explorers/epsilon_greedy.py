"""Epsilon-greedy: the best action, but with a fixed small chance any allowed action.

Question answered: what is the simplest exploration that never dries up?
Source: Watkins 1989; Sutton & Barto, Reinforcement Learning, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.policy.columns import Columns, highest, rest_to_best


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """`1 - epsilon` on the best actions, `epsilon` on all, evenly."""

    epsilon: float
    n_draws: int = 0

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1."""
        return rest_to_best([self.epsilon / len(mean)] * len(mean), mean, top=highest(mean))


def create(*, n_examples: int, reward_span: float, epsilon: float = 0.05) -> EpsilonGreedy:
    """The explorer of one model.

    Args:
        n_examples: not needed here.
        reward_span: not needed here.
        epsilon: chance of an action at random, in [0, 1], beside the floor.

    Raises:
        BadSetting: epsilon is outside [0, 1].
    """
    if not 0.0 <= epsilon <= 1.0:
        raise BadSetting(f"explore.epsilon is {epsilon}; expected a number from 0 to 1: the chance of a random action.")
    return EpsilonGreedy(epsilon)
