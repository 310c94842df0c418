"""Race: which of several ways to learn predicts best, judged only on examples that came after.

Question answered: with products of features or without, and with how strong a ridge? Each entrant is frozen at a check and
scored on every example until the next, before that example is learned (progressive validation).
Source: Dawid 1984 (prequential validation); Blum, Kalai & Langford 1999.
Letters: n examples, k actions, m terms, f entrants.
"""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

_START = 1  # who leads before anything is scored


class Race:
    """The running squared error of f entrants that are linear in the same m terms."""

    def __init__(self, n_entrants: int) -> None:
        self.leader = min(_START, n_entrants - 1)
        self.lowest = inf  # of the rewards seen so far
        self._highest = -inf
        self._weights: NDArray[np.float64] | None = None  # (k, m, f) as of the last check
        self._losses = np.zeros(n_entrants)  # sum of w (r - predicted)^2
        self._progressive, self._weight = 0.0, 0.0  # loss of whoever led at the time; sum of w
        self._bounds = (0.0, 0.0)  # lowest and highest at the last check

    @property
    def progressive_loss(self) -> float:
        """Mean squared error of the leader of the time on examples before they were learned; 0 before any."""
        return self._progressive / self._weight if self._weight else 0.0

    @property
    def noise(self) -> float:
        """Standard deviation of a reward around what was expected; 1 before any was scored."""
        return float(np.sqrt(self.progressive_loss)) if self._weight else 1.0

    def score(self, action: int, terms: NDArray[np.float64], reward: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Add every entrant's error on examples of one action.

        Args:
            action: which.
            terms: (n, m)
            reward: (n,)
            weight: (n,) of each example.
        """
        self.note(reward)
        if self._weights is not None:
            self.judge(terms.dot(self._weights[action]), reward, weight)

    def note(self, reward: NDArray[np.float64]) -> None:
        """See the rewards of some examples, (n,) at least one."""
        self.lowest, self._highest = min(self.lowest, float(reward.min())), max(self._highest, float(reward.max()))

    def judge(self, foretold: NDArray[np.float64], reward: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Add every entrant's error on examples that it foretold as of the last check.

        Args:
            foretold: (n, f)
            reward: (n,)
            weight: (n,) of each example.
        """
        # Clipped to the rewards seen: else one wild guess far from all examples decides the race for good.
        predicted = foretold.clip(*self._bounds)
        losses = weight.dot((reward[:, np.newaxis] - predicted) ** 2)
        self._losses += losses
        self._progressive += float(losses[self.leader])
        self._weight += float(weight.sum())

    def restart(self, weights: NDArray[np.float64] | None = None) -> None:
        """Let the best so far lead, and freeze every entrant at these weights (k, m, f), where `score` is to use them."""
        if self._weight:
            self.leader = int(self._losses.argmin())
        self._weights = weights
        self._bounds = (self.lowest, self._highest)
