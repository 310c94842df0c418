"""Readings at odd times, put on an even grid of steps.

Question answered: what was the value at each tick? `last`: the newest reading at or before it; `interpolate`: on the line
between the readings around it; `mean`: of the readings in one step's time. What is known before acting is taken from the
time up to the tick, what is done from the tick on, and what came of it from the time up to the next tick: so that no row
holds what happened before its action as if it had come of it.
Letters: m readings, n ticks. Times are microseconds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.interop.historian.reading import Method
from policyloop.interop.historian.wanted import Role

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NOTHING = -1
_AFTER: tuple[Role, ...] = ("outcome", "end")  # known only when the step is over


def ticks_of(first_us: int, last_us: int, every_us: int) -> Ints:
    """(n,) multiples of the step's time from `first_us` to `last_us`."""
    start = -(-first_us // every_us) * every_us
    return np.arange(start, last_us + 1, every_us, dtype=np.int64)


def resampled(
    at: Ints, value: Floats, ticks: Ints, *, role: Role, method: Method, every_us: int, max_gap_us: int | None
) -> Floats:
    """(n,) a number at each tick, NaN where nothing is known.

    Args:
        at: (m,) rising.
        value: (m,) finite.
        ticks: (n,) rising, `every_us` apart.
        role: what the number is for.
        method: how.
        every_us: a step's time.
        max_gap_us: an older reading says nothing, nor do two that are further apart; None: however old.
    """
    if not len(at):
        return np.full(len(ticks), np.nan)
    if method == "mean":
        end = ticks if role == "context" else ticks + every_us
        return _means(at, value, end - every_us, end, is_closed_above=role == "context")
    when = ticks + every_us if role in _AFTER else ticks
    if method == "last":
        place = last_places(at, when, max_gap_us)
        return np.where(place == NOTHING, np.nan, value[place])
    return _on_the_line(at, value, when, max_gap_us)


def last_places(at: Ints, when: Ints, max_gap_us: int | None) -> Ints:
    """(n,) the newest reading at or before each time; NOTHING where there is none, or where it is too old."""
    place = np.searchsorted(at, when, side="right").astype(np.int64) - 1
    if max_gap_us is not None and len(at):
        place[when - at[np.maximum(place, 0)] > max_gap_us] = NOTHING
    return place


def in_silence(at: Ints, ticks: Ints, *, every_us: int, max_gap_us: int) -> NDArray[np.bool_]:
    """(n,) ticks in a silence of all tags that is longer than readings hold: nothing is known from its first step on.

    Args:
        at: (m,) of all readings of all tags, in any order.
        ticks: (n,) rising.
        every_us: a step's time.
        max_gap_us: how long readings hold.
    """
    heard = np.unique(at)
    before = np.searchsorted(heard, ticks, side="right") - 1
    last, following = heard[np.maximum(before, 0)], heard[np.minimum(before + 1, len(heard) - 1)]
    silent: NDArray[np.bool_] = (following - last > max_gap_us) & (ticks - last >= every_us)
    return silent


def when_read(ticks: Ints, *, role: Role, every_us: int) -> Ints:
    """(n,) when a text is read that belongs to each tick."""
    return ticks + every_us if role in _AFTER else ticks


def _on_the_line(at: Ints, value: Floats, when: Ints, max_gap_us: int | None) -> Floats:
    before = np.searchsorted(at, when, side="right") - 1
    is_exact = (before >= 0) & (at[np.maximum(before, 0)] == when)
    after = np.where(is_exact, before, before + 1)
    is_known = (before >= 0) & (after < len(at))
    left, right = np.maximum(before, 0), np.minimum(after, len(at) - 1)
    span = at[right] - at[left]
    if max_gap_us is not None:
        is_known &= span <= max_gap_us
    share = (when - at[left]) / np.maximum(span, 1)
    return np.where(is_known, value[left] + share * (value[right] - value[left]), np.nan)


def _means(at: Ints, value: Floats, start: Ints, end: Ints, *, is_closed_above: bool) -> Floats:
    """Means over `(start, end]` or `[start, end)`."""
    i, j = (np.searchsorted(at, one, side="right" if is_closed_above else "left") for one in (start, end))
    middle = float(value.mean())  # so that sums stay small beside their differences
    sums = np.append(0.0, np.cumsum(value - middle))
    n = j - i
    return np.where(n > 0, middle + (sums[j] - sums[i]) / np.maximum(n, 1), np.nan)
