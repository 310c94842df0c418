"""Softmax: the better an action looks, the likelier it is, smoothly, and never quite certain (Boltzmann exploration).

Question answered: how are actions tried in proportion to what they promise? Two actions that are a temperature apart
differ in probability by the factor e. It does not know how sure the means are, so it never stops trying what looks
nearly as good.
Source: Luce 1959; Sutton & Barto, Reinforcement Learning, section 2.8 of the first edition.
Letters: k allowed actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.search_space import Between
from policyloop.policy.columns import Columns, highest

SEARCHED = {"temperature": Between(0.01, 0.3, is_log=True)}


@dataclass(frozen=True, slots=True)
class Softmax:
    """Probabilities in proportion to `exp(mean / temperature)`."""

    temperature: float  # in the loop's reward unit
    n_draws: int = 0

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1."""
        top = highest(mean)
        exp = math.exp if isinstance(top, float) else np.exp
        # p_a = exp(mean_a / T) / sum_b exp(mean_b / T), taken from the top so that nothing overflows
        power = [exp((m - top) / self.temperature) for m in mean]
        total = sum(power)
        return [p / total for p in power]


def create(*, n_examples: int, reward_span: float, temperature: float = 0.05) -> Softmax:
    """The explorer of one model.

    Args:
        n_examples: not needed here.
        reward_span: width of the reward's range, in the loop's reward unit, over 0.
        temperature: above 0, as a share of the reward's range: the higher, the more is explored.

    Raises:
        BadSetting: temperature is not above 0.
    """
    if not temperature > 0:
        raise BadSetting(f"explore.temperature is {temperature}; expected a number above 0: a share of the reward's range.")
    return Softmax(temperature * reward_span)
