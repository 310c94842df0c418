"""A mean with its interval, as reports and charts show it.

Question answered: how much is it on average, and how sure is that? Letters: n independent values.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.estimate import Estimate
from policyloop.evaluate.interval import mean_estimate

_FEW = 30  # fewer values than this say too little about their own spread


class Mean(msgspec.Struct, frozen=True, kw_only=True):
    """A mean with its 95 % interval; None where nothing, or too little, is known."""

    n: int
    value: float | None
    low: float | None
    high: float | None


def mean_of(values: NDArray[np.float64], bounds: tuple[float, float], *, spread: float = 0.0) -> Mean:
    """Mean of the known values. Few values are taken to spread as all do (`spread`), when their own spread is smaller.

    The interval ends where the values' own range (`bounds`) does.
    """
    known = values[np.isfinite(values)]
    found = mean_estimate("logged", known, ess=float(len(known)))
    if 0 < found.n < _FEW and spread > 0:
        own = found.stderr if math.isfinite(found.stderr) else 0.0
        found = Estimate("logged", found.value, max(own, spread / math.sqrt(found.n)), found.n, found.ess)
    low, high = found.interval()
    is_known = math.isfinite(low) and math.isfinite(high)
    return Mean(
        n=found.n,
        value=found.value if found.n else None,
        low=max(low, bounds[0]) if is_known else None,
        high=min(high, bounds[1]) if is_known else None,
    )


def spread_of(values: NDArray[np.float64]) -> float:
    """Standard deviation of the known values; 0 when fewer than two are."""
    known = values[np.isfinite(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else 0.0
