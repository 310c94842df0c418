"""Scatter: how rewards lie around what was expected of them, so that a simulated reward is of the kind that was logged.

Question answered: which reward comes where so much is expected? The logged examples are put into bins by what was expected of
them. A reward is drawn from those of the bin, whose chances are tilted, as little as it takes, until their mean is exactly
what is expected. So values that were never logged never come: where rewards were 0 or 1, they are 0 or 1.
Source: exponential tilting, Esscher 1932.
Letters: n examples, m rewards, v values, b bins, t tilts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BINS = 10
_VALUES = 32  # at most; of more, each stands for as many examples as the others
_TILTS = np.concatenate([-np.geomspace(200, 0.05, 60), [0.0], np.geomspace(0.05, 200, 60)])
_FROM_ALL = 0.05  # of each bin is taken from all examples, so that every mean can be reached


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Chances of every value, by bin and tilt."""

    values: NDArray[np.float64]  # (v,) rising
    edges: NDArray[np.float64]  # (b - 1,) of the expected reward
    mean: NDArray[np.float64]  # (b, t) rising with the tilt
    above: NDArray[np.float64]  # (b, t, v) chance that the reward is this value or a smaller one

    def within(self, expected: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same expectations, where necessary moved to between those that rewards of this kind can have."""
        return np.clip(expected, self.mean[:, 0].max(), self.mean[:, -1].min())

    def draw(self, expected: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """(m,) rewards whose means are exactly (m,) `expected`, which are `within`."""
        if len(self.values) == 1:
            return np.full(len(expected), self.values[0])
        its_bin = np.searchsorted(self.edges, expected)
        tilt = np.empty(len(expected), dtype=np.intp)
        for one in np.unique(its_bin):
            rows = its_bin == one
            tilt[rows] = np.clip(np.searchsorted(self.mean[one], expected[rows]), 1, self.mean.shape[1] - 1)
        lower, upper = self.mean[its_bin, tilt - 1], self.mean[its_bin, tilt]
        # Between two tilts, one of them by chance: means add up linearly, so that this is exact.
        part = np.divide(expected - lower, upper - lower, out=np.ones_like(expected), where=upper > lower)
        chosen = tilt - (rng.random(len(expected)) >= part)
        place = (rng.random(len(expected))[:, np.newaxis] >= self.above[its_bin, chosen][:, :-1]).sum(axis=1)
        return np.asarray(self.values[place])


def scatter_of(reward: NDArray[np.float64], expected: NDArray[np.float64]) -> Scatter:
    """How rewards lie around what was expected.

    Args:
        reward: (n,) of the log; at least one.
        expected: (n,) of the same examples.
    """
    values, place = _values_of(reward)
    edges = np.unique(np.quantile(expected, np.linspace(0, 1, _BINS + 1)[1:-1]))
    its_bin = np.searchsorted(edges, expected)
    count = np.zeros((len(edges) + 1, len(values)))
    np.add.at(count, (its_bin, place), 1.0)
    everywhere = count.sum(axis=0) / count.sum()
    own = count / np.maximum(count.sum(axis=1, keepdims=True), 1.0)
    chance = (1 - _FROM_ALL) * own + _FROM_ALL * everywhere
    span = max(float(values[-1] - values[0]), 1e-300)
    power = _TILTS[:, np.newaxis] * (values - values[0]) / span  # (t, v)
    tilted = chance[:, np.newaxis, :] * np.exp(power - power.max(axis=1, keepdims=True))
    tilted /= tilted.sum(axis=2, keepdims=True)
    return Scatter(values, edges, tilted @ values, tilted.cumsum(axis=2))


def _values_of(reward: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The (v,) values that stand for all, and which of them (n,) each reward is."""
    values, place = np.unique(reward, return_inverse=True)
    if len(values) <= _VALUES:
        return values, place
    edges = np.unique(np.quantile(reward, np.linspace(0, 1, _VALUES + 1)[1:-1]))
    place = np.searchsorted(edges, reward)
    used, place = np.unique(place, return_inverse=True)
    means = np.bincount(place, weights=reward) / np.bincount(place)
    assert len(used) == len(means)
    return means, place
