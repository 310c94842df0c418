"""Alone: how well one field by itself foretells the reward, whatever is done.

Question answered: can this field have been known before the decision? What is known before does not settle the reward; a
field that nearly does was most likely written afterwards, or is the outcome under another name. Actions count as if they had
been drawn evenly, so that a field which only tells what a good policy did is not suspected.
Letters: n examples, c cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.evaluate.cells import Value, cells
from policyloop.evaluate.overlap import ess

_FEWEST = 200  # examples, by their weights
_FEWEST_OF_EACH = 30  # examples with the lowest and with a higher reward, for a share of pairs
_NEARLY_ALL = 0.9  # of the variance of the rewards
_NEARLY_ALWAYS = 0.99  # of the pairs


@dataclass(frozen=True, slots=True)
class Alone:
    """How much of the reward a field explains on examples that the explanation was not made from."""

    explained: float  # share of the rewards' variance, at most 1; 0 and less: nothing
    in_order: float | None  # of a rewarded and an unrewarded example, how often it tells which (AUC); None: rewards are not two

    @property
    def is_suspicious(self) -> bool:
        """Whether nothing that is known before the decision foretells so well."""
        return self.explained >= _NEARLY_ALL or (self.in_order or 0.0) >= _NEARLY_ALWAYS


def alone(values: Sequence[Value], examples: Examples) -> Alone | None:
    """What the field's values say about the rewards.

    Args:
        values: (n,) one for each example.
        examples: n with known propensities.

    Returns:
        None where the examples are too few, or all rewards are alike.
    """
    weight = 1.0 / (examples.propensity * examples.allowed.sum(axis=1))  # as if each action had been drawn evenly
    if ess(weight) < _FEWEST:
        return None
    cell, names = cells(values)
    expected, mean = np.empty(len(cell)), np.empty(len(cell))
    is_even = np.arange(len(cell)) % 2 == 0
    for judged in (is_even, ~is_even):
        mean[judged], its = _means(cell[~judged], examples.reward[~judged], weight[~judged], n_cells=len(names))
        expected[judged] = its[cell[judged]]
    spread = float((weight * (examples.reward - mean) ** 2).sum())
    if spread == 0:
        return None
    left = float((weight * (examples.reward - expected) ** 2).sum())
    return Alone(1 - left / spread, _in_order(expected, examples.reward, weight))


def _means(
    cell: NDArray[np.intp], reward: NDArray[np.float64], weight: NDArray[np.float64], *, n_cells: int
) -> tuple[float, NDArray[np.float64]]:
    """The weighted mean reward, and (c,) that of each cell; an empty cell has the mean of all."""
    total = np.bincount(cell, weights=weight, minlength=n_cells)
    earned = np.bincount(cell, weights=weight * reward, minlength=n_cells)
    mean = float(earned.sum() / total.sum())
    return mean, np.where(total > 0, earned / np.where(total > 0, total, 1.0), mean)


def _in_order(expected: NDArray[np.float64], reward: NDArray[np.float64], weight: NDArray[np.float64]) -> float | None:
    """Share of the pairs of a lower and a higher reward that are expected in that order; ties count half."""
    kinds = np.unique(reward)
    if len(kinds) != 2:
        return None
    is_high = reward == kinds[1]
    if min(is_high.sum(), (~is_high).sum()) < _FEWEST_OF_EACH:
        return None
    _, level = np.unique(expected, return_inverse=True)
    high = np.bincount(level, weights=weight * is_high)
    low = np.bincount(level, weights=weight * ~is_high)
    below = np.cumsum(low) - low
    return float((high * (below + low / 2)).sum() / (high.sum() * low.sum()))
