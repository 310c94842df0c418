"""What happened in a demo, as numbers: rewards in order, one row a round, and what to compare them with.

Shapes: n decisions after the warm start. Rewards are 1 for the right label and 0 otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROLLING = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One batch of decisions and what the loop made of it."""

    number: int  # 0 is the warm start
    n: int
    reward: float  # mean over the batch
    served_by: str  # the model that decided, by its first letters
    model: str  # the model trained from it, or `-`
    estimate: float | None  # of the new model's value, with its 95 % interval
    low: float | None
    high: float | None
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The whole demo."""

    data: str  # which data it was played on
    rewards: NDArray[np.float64]  # (n,) after the warm start
    rounds: list[Round]
    changes: list[tuple[int, str]]  # (decision after which it was live, model)
    greedy_value: float  # of the final policy without exploration, on the whole table
    oracle: float
    majority: float
    random: float
    seconds: float

    @property
    def mean_rolling(self) -> float:
        """Mean of the rolling mean over full windows of 100 decisions after the warm start."""
        return float(rolling_mean(self.rewards).mean())


def rolling_mean(rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n - 99,) mean reward of each full window of 100 decisions; of all of them when there are fewer."""
    width = min(ROLLING, len(rewards))
    return np.convolve(rewards, np.full(width, 1.0 / width), mode="valid")
