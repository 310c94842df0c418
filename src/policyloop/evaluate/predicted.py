"""Predicted rewards for evaluation: of several reward models, each example takes the one that has erred least so far.

Question answered: which expected rewards make the doubly robust estimate calm without letting the judged model choose?
A challenger's own predictions flatter it where the log has seen little; the champion's own condemn whatever differs
from it. So each example is predicted by the model with the smallest squared error on the examples *before* it. Such a
choice does not look at the example itself, which keeps the doubly robust estimate unbiased.
Letters: m models, n examples, k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.example import Context, Examples
from policyloop.evaluate.arrays import taken


class PredictsRewards(Protocol):
    """A model that was learned from other examples than those at hand."""

    def rewards_of_many(
        self, contexts: Sequence[Context], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k) expected reward of every action; of candidates, k is the largest set."""
        ...


def predicted_rewards(examples: Examples, models: Sequence[PredictsRewards], *, low: float, high: float) -> NDArray[np.float64]:
    """Expected rewards from whichever model was best on the examples before.

    Args:
        examples: n examples that none of the models learned from, in the order of the log.
        models: at least none; the first is taken where two are equally good. Without any, all predictions are 0.
        low: the loop's smallest reward; predictions are clipped to [low, high].
        high: the loop's largest reward.

    Returns:
        (n, k) finite.
    """
    if not models:
        return np.zeros(examples.allowed.shape)
    every = np.stack([within(_rewards_of(model, examples), low, high) for model in models])  # (m, n, k)
    error = np.stack([(examples.reward - taken(table, examples.action)) ** 2 for table in every])  # (m, n)
    error_before = np.cumsum(error, axis=1) - error
    best = error_before.argmin(axis=0)  # (n,)
    return np.asarray(every[best, np.arange(len(examples))], dtype=np.float64)


def _rewards_of(model: PredictsRewards, examples: Examples) -> NDArray[np.float64]:
    """(n, k) as wide as the examples, which may have been taken from some with larger sets."""
    rewards = model.rewards_of_many(examples.contexts, examples.candidates)
    return np.pad(rewards, ((0, 0), (0, examples.allowed.shape[1] - rewards.shape[1])))


def within(rewards: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Within the range of rewards; what is not a number becomes the middle of it."""
    return np.nan_to_num(np.clip(rewards, low, high), nan=(low + high) / 2)
