"""Scale: how a raw number becomes one that is good to learn from.

Question answered: how far from usual is this number? Standardised by the mean and spread of the examples known at
training, squashed by asinh (close to itself near 0, a logarithm far out) and clipped, so that no outlier runs away
with the model.
Letters: n values, c kinds of numbers side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import asinh
from operator import mul, sub

import numpy as np
from numpy.typing import NDArray

CLIP = 2.5  # asinh(6): six standard deviations out is as far as anything is


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean, and one over the spread, of each of c kinds of numbers."""

    mean: tuple[float, ...]
    inverse: tuple[float, ...]

    def of_one(self, numbers: Sequence[float]) -> list[float]:
        """c squashed numbers of c raw ones."""
        # asinh((x - mean) * inverse), in maps, since this is most of what the features of a decision cost
        squashed = list(map(asinh, map(mul, map(sub, numbers, self.mean), self.inverse)))
        if max(squashed) > CLIP or min(squashed) < -CLIP:  # rare, so looked at first
            return [min(max(x, -CLIP), CLIP) for x in squashed]
        return squashed

    def of_many(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, c) squashed numbers of (n, c) raw ones; NaN stays NaN."""
        with np.errstate(over="ignore"):
            squashed = np.arcsinh((numbers - np.array(self.mean)) * np.array(self.inverse))
        return np.asarray(np.clip(squashed, -CLIP, CLIP))


def fit(numbers: NDArray[np.float64]) -> Scale:
    """The scale of (n, c) numbers, NaN where missing; a kind without any number is left as it comes."""
    pairs = [_mean_and_inverse(column[np.isfinite(column)]) for column in numbers.T]
    return Scale(tuple(mean for mean, _ in pairs), tuple(inverse for _, inverse in pairs))


def _mean_and_inverse(x: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and 1 / standard deviation; for numbers that never differ, 1 / their size or 1, whichever is smaller."""
    largest = float(np.abs(x).max(initial=0.0))
    if largest == 0.0:
        return 0.0, 1.0
    unit = x / largest  # so that neither sums nor squares overflow
    mean, spread = float(unit.mean()) * largest, float(unit.std()) * largest
    if spread <= 1e-9 * largest:
        return mean, 1.0 / max(largest, 1.0)
    return mean, 1.0 / max(spread, 1e-300)
