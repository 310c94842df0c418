"""Pace: how many decisions a loop makes, by the hour of the day, and so how long it takes to make so many.

Question answered: how many days until there are n more decisions? By the last week that the log has; nights are slower where
they were slower then.
Letters: n decisions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_HOUR

_LAST_DAYS = 7
_HOURS = 24


@dataclass(frozen=True, slots=True)
class Pace:
    """Decisions to be expected in each hour of the day, UTC."""

    per_hour: tuple[float, ...]  # 24

    @property
    def per_day(self) -> float:
        """Decisions a day."""
        return sum(self.per_hour)

    def days(self, n: float, *, from_us: int) -> float:
        """How many days it takes to make n decisions, from a moment on; infinite where none are made."""
        if self.per_day <= 0:
            return float("inf") if n > 0 else 0.0
        whole, rest = divmod(max(n, 0.0), self.per_day)
        hours = 0.0
        now = from_us / US_PER_HOUR % _HOURS
        while rest > 1e-9:
            left = 1.0 - now % 1.0  # of this hour
            made = self.per_hour[int(now) % _HOURS] * left
            part = 1.0 if made <= rest else rest / made
            hours, rest, now = hours + part * left, rest - part * made, math.floor(now + 1.0)
        return whole + hours / _HOURS


def steady(per_day: float) -> Pace:
    """So many decisions a day, day and night alike."""
    return Pace((per_day / _HOURS,) * _HOURS)


def pace_of(decided_at: NDArray[np.int64]) -> Pace | None:
    """The pace of the last week before the newest decision; of less than a day, the same for every hour.

    Args:
        decided_at: (n,) microseconds since 1970 UTC, of decisions that were made here and then.

    Returns:
        None where they lie less than an hour apart, or are none.
    """
    if len(decided_at) == 0 or int(np.ptp(decided_at)) < US_PER_HOUR:
        return None
    newest = int(decided_at.max())
    first = max(int(decided_at.min()), newest - _LAST_DAYS * _HOURS * US_PER_HOUR)
    some = decided_at[decided_at >= first]
    hours = (newest - first) / US_PER_HOUR
    if hours < _HOURS:
        return steady(len(some) / hours * _HOURS)
    of_day = (some // US_PER_HOUR % _HOURS).astype(np.int64)
    made = np.bincount(of_day, minlength=_HOURS)
    return Pace(tuple((made / _seen(first, newest)).tolist()))


def _seen(first: int, newest: int) -> NDArray[np.float64]:
    """(24,) how many of each hour of the day lie between two moments a day or more apart."""
    edges = np.arange(first // US_PER_HOUR, newest // US_PER_HOUR + 1) * US_PER_HOUR
    part = (np.minimum(edges + US_PER_HOUR, newest) - np.maximum(edges, first)) / US_PER_HOUR
    return np.bincount((edges // US_PER_HOUR % _HOURS).astype(np.int64), weights=part, minlength=_HOURS).astype(np.float64)
