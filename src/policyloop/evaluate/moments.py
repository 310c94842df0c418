"""Moments: mean and spread of a long array of numbers, taken part by part, so that no second array of that length is made.

Question answered: what are the mean, the spread and the lopsidedness of n values that are cheaper to compute twice than
to keep? A part fits the processor's cache, which makes this faster than whole arrays as well.
Source: parts are put together as in Chan, Golub & LeVeque 1979, so nothing is lost to cancellation.
Letters: n values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PART = 8_192  # values at a time
Parts = Callable[[slice], NDArray[np.float64]]  # the values of some rows


@dataclass(frozen=True, slots=True)
class Moments:
    """Of n values."""

    n: int
    mean: float  # NaN when n is 0
    squares: float  # sum of squared distances from the mean

    @property
    def stderr(self) -> float:
        """Standard error of the mean; infinite when n < 2."""
        return math.sqrt(self.squares / (self.n - 1) / self.n) if self.n > 1 else math.inf


def parts(n: int, size: int = PART) -> Iterator[slice]:
    """The rows 0 to n, `size` at a time."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def moments(n: int, values: Parts) -> Moments:
    """Mean and spread of the n values that `values` gives part by part."""
    count, mean, squares = 0, 0.0, 0.0
    for part in parts(n):
        some = values(part)
        its_mean = float(some.mean())
        away = some - its_mean
        more, delta = len(some), its_mean - mean
        squares += float(away @ away) + delta**2 * count * more / (count + more)
        mean += delta * more / (count + more)
        count += more
    return Moments(n, mean if n else math.nan, squares)


def skewness(n: int, values: Parts) -> float:
    """The third standardised moment: 0 of a symmetric distribution, above 0 where few values are far above the rest.

    Returns:
        0 when all values are equal.
    """
    seen = moments(n, values)
    if n < 2 or seen.squares <= 0:
        return 0.0
    spread = math.sqrt(seen.squares / n)
    return sum(float((((values(part) - seen.mean) / spread) ** 3).sum()) for part in parts(n)) / n


def total(n: int, values: Parts) -> float:
    """The sum of the values."""
    return sum(float(values(part).sum()) for part in parts(n))
