"""How long a reading holds, where nobody said so with `--max-gap`, and what to know of it.

Question answered: how many steps were read from a file, and how many are only what was read long before? A silence that ends
an episode is no time in which readings hold. Elsewhere they do, since a historian may keep nothing but changes; what rests on
readings much older than is usual is counted.
Letters: m readings, n ticks. Times are microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.duration import show_duration
from policyloop.interop.historian.grid import last_places
from policyloop.interop.historian.ledger import Bools
from policyloop.interop.historian.reading import Reading

OLD = 10  # so many usual intervals between two readings

Ints = NDArray[np.int64]


def held_us(reading: Reading) -> int | None:
    """How old a reading may be; None: any age."""
    if reading.max_gap_s is not None:
        return round(reading.max_gap_s * US_PER_S)
    return round(reading.cut.gap_s * US_PER_S) if reading.cut.by == "gap" else None


def told_of_holding(series: Mapping[str, Ints], ticks: Ints, *, usable: Bools, silent: Bools, reading: Reading) -> list[str]:
    """Notes, where nobody said how long a reading holds.

    Args:
        series: name -> (m,) rising times of the readings that are held.
        ticks: (n,) rising.
        usable: (n,) all that must be known is.
        silent: (n,) in a silence that ends an episode.
        reading: where episodes begin.
    """
    told = []
    gap = show_duration(reading.cut.gap_s)
    n_silent, n_lost = int(silent.sum()), int((~usable & ~silent).sum())
    if reading.cut.by == "gap" and n_silent + n_lost:
        lost = f" {n_lost:,} more are none because some tag alone was silent for longer." if n_lost else ""
        told.append(
            f"a reading holds for {gap} at most, as a longer silence ends an episode: {n_silent:,} steps in such silences are "
            f"none.{lost} `--max-gap` says otherwise."
        )
    taken = ticks[usable & ~silent]
    is_old, limits = np.zeros(len(taken), dtype=bool), []
    for at in series.values():
        if len(at) < 2 or not len(taken):
            continue
        limit = OLD * max(int(np.median(np.diff(at))), round((reading.every_s or 0.0) * US_PER_S))
        old = taken - at[np.maximum(last_places(at, taken, None), 0)] > limit
        is_old |= old
        limits += [limit] if old.any() else []
    if is_old.any():
        told.append(
            f"{int(is_old.sum()):,} of {len(taken):,} steps rest on readings older than {OLD} times the usual interval between "
            f"two: nothing else is known of them. `--max-gap {show_duration(min(limits) / US_PER_S)}` leaves them out."
        )
    return told
