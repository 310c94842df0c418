"""Epsilon-greedy: the best action, but with a small chance any allowed action.

Question answered: what is the simplest exploration that never dries up? With `decay` it dries up as slowly as asked: the
count of examples is the one that the model learned from, so that the policy never changes while it serves.
Source: Watkins 1989; Sutton & Barto, Reinforcement Learning, section 2.2; for the decay Auer et al. 2002.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.search_space import Between
from policyloop.policy.columns import Columns, highest, rest_to_best

SEARCHED = {"epsilon": Between(0.01, 0.2, is_log=True)}


@dataclass(frozen=True, slots=True)
class EpsilonGreedy:
    """`1 - epsilon` on the best actions, `epsilon` on all, evenly."""

    epsilon: float
    n_draws: int = 0

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1."""
        return rest_to_best([self.epsilon / len(mean)] * len(mean), mean, top=highest(mean))


def create(*, n_examples: int, reward_span: float, epsilon: float = 0.05, decay: float = 0.0) -> EpsilonGreedy:
    """The explorer of one model: the chance of a random action is `epsilon / n_examples ** decay`, at most 1.

    Args:
        n_examples: how many examples the model learned from; frozen in it.
        reward_span: not needed here.
        epsilon: chance of an action at random, in [0, 1], beside the floor; with a decay any number of 0 or more.
        decay: how fast exploration fades as examples come in, 0 or more; 0: never. For contexts theory asks for 1/3
            (Langford & Zhang 2007), without contexts for 1 and an epsilon well above 1 (Auer et al. 2002).

    Raises:
        BadSetting: epsilon is outside [0, 1] without a decay, or one of the two is negative.
    """
    if not (0.0 <= epsilon <= 1.0 or (decay > 0 and epsilon >= 0)):
        raise BadSetting(f"explore.epsilon is {epsilon}; expected a number from 0 to 1: the chance of a random action.")
    if not decay >= 0:
        raise BadSetting(f"explore.decay is {decay}; expected a number of 0 or more, such as 0.333; 0 is no decay.")
    return EpsilonGreedy(min(epsilon / max(n_examples, 1) ** decay, 1.0))
