"""The exact binomial interval: between which bounds does a share lie that was counted in n runs?

Source: Clopper & Pearson 1934.
"""

from __future__ import annotations

import math
from collections.abc import Callable

_HALVINGS = 60


def exact_interval(hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Two-sided bounds of a probability of which `hits` of `n` independent tries were seen; (0, 1) when n is 0."""
    half = (1 - level) / 2
    low = 0.0 if hits == 0 else _falls_below(lambda p: _at_most(hits - 1, n, p), 1 - half)
    high = 1.0 if hits == n else _falls_below(lambda p: _at_most(hits, n, p), half)
    return low, high


def _at_most(hits: int, n: int, p: float) -> float:
    """Probability of at most so many hits."""
    if p <= 0 or p >= 1:
        return float(p <= 0 or hits >= n)
    logs = math.log(p), math.log1p(-p)
    return math.fsum(
        math.exp(math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * logs[0] + (n - i) * logs[1])
        for i in range(hits + 1)
    )


def _falls_below(chance: Callable[[float], float], bound: float) -> float:
    """Where a function that falls from 1 to 0 passes the bound."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) > bound else (low, middle)
    return (low + high) / 2
