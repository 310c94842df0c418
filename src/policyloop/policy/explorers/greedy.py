"""Greedy: always the action with the highest expected reward; ties share evenly.

Question answered: what would we do if we were sure of the model? Exploration is left to the floor alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.policy.columns import Columns, highest, rest_to_best
from policyloop.policy.wanted import Wanted, likeliest, point


@dataclass(frozen=True, slots=True)
class Greedy:
    """All probability on the best actions."""

    n_draws: int = 0

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1."""
        return rest_to_best([0.0] * len(mean), mean, top=highest(mean))


def create(*, n_examples: int, reward_span: float) -> Greedy:
    """The explorer of one model; greedy needs neither the count of examples nor the span of the reward."""
    return Greedy()


@dataclass(frozen=True, slots=True)
class GreedyBox:
    """All probability on the wanted numbers."""

    def density(self, wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
        """Between the limits (a,) that hold for this decision."""
        return point(wanted, low, high)

    def pmfs(self, wanted: Wanted) -> list[list[float]]:
        """The likeliest label of each part beside the numbers; only the floor tries another."""
        return likeliest(wanted)


def create_box() -> GreedyBox:
    """The explorer of one model whose actions are numbers."""
    return GreedyBox()
