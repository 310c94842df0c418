"""Clocks that are put back in autumn: one local hour happens twice, and only the order of the rows tells its two passes apart.

Question answered: which readings of that hour are of its second pass? Where the rows of a tag, or of a table, come in order,
their times go back once, where the second pass begins. Where they go back more often, nothing tells, and all are read as of
the first.
Letters: n rows. Times are microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.interop.historian.ledger import Bools, Ledger, Place
from policyloop.interop.historian.times import Times

_US_PER_DAY = 86_400 * US_PER_S

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Passes:
    """(n,) of n times."""

    is_second: Bools  # in the second pass of its hour
    is_begin: Bools  # the first of it, in its group
    is_guessed: Bools  # in an hour that came twice, and read as of its first pass since nothing tells
    is_unclear: Bools  # of these, a time that is there before


def passes_of(times: Times, group: Ints) -> Passes:
    """Which pass each time is of.

    Args:
        times: in the order of the file.
        group: (n,) of the tag or episode; within each, rows should come in order.
    """
    n = len(times.at_us)
    is_second, is_begin, is_guessed, is_unclear = (np.zeros(n, dtype=bool) for _ in range(4))
    rows = np.flatnonzero(times.later_us > 0)
    if not len(rows):
        return Passes(is_second, is_begin, is_guessed, is_unclear)
    rows = rows[np.lexsort((rows, times.at_us[rows] // _US_PER_DAY, group[rows]))]
    at = times.at_us[rows]
    same = (np.diff(group[rows]) == 0) & (np.diff(at // _US_PER_DAY) == 0)
    place = np.cumsum(np.append(True, ~same)) - 1  # of an hour, in a group
    n_hours = int(place[-1]) + 1
    back, again = (np.append(False, same & one) for one in (np.diff(at) < 0, np.diff(at) == 0))
    begins = np.where(np.bincount(place[back], minlength=n_hours)[place] == 0, again, back)
    n_begins = np.bincount(place[begins], minlength=n_hours)
    clear = n_begins[place] <= 1
    before = np.cumsum(begins) - (np.cumsum(np.append(0, n_begins))[:-1])[place]  # how often it went back, in its hour
    is_second[rows] = clear & (before > 0)
    is_begin[rows] = clear & begins
    is_guessed[rows] = n_begins[place] != 1
    is_unclear[rows] = ~clear & _is_there_twice(place, at)
    return Passes(is_second, is_begin, is_guessed, is_unclear)


def settle_passes(times: Times, group: Ints, zone: str, where: str, place: Place, into: Ledger, *, is_key: bool) -> Ints:
    """(n,) the times, those of second passes an hour later; and what is to be said of it.

    Args:
        times: in the order of the file.
        group: as of `passes_of`.
        zone: of the times.
        where: the column of times.
        place: of a row.
        into: what is wrong.
        is_key: whether times order the rows, so that they must be right.
    """
    passes = passes_of(times, group)
    hour = f"the hour that {zone} has twice"
    if is_key and passes.is_begin.any():
        day = _day(int(times.at_us[passes.is_begin.argmax()]), zone)
        told = (
            f"goes back in {{rows}}: the clocks of {zone} were put back on {day}, and an hour came twice. The second pass is "
            f"known by the order of the rows; times with an offset, or in UTC, would say it."
        )
        into.settle_rows("clocks-back", where, told, passes.is_begin, place, code="clocks_back")
    if is_key and passes.is_unclear.any():
        day = _day(int(times.at_us[passes.is_unclear.argmax()]), zone)
        told = (
            f"is there twice in {{rows}}, in {hour} ({day}), and the rows come in no order that tells which was first: one of "
            f"two is lost. Times with an offset, or in UTC, would keep both."
        )
        into.settle_rows("drop-repeated", where, told, passes.is_unclear, place, code="clocks_back")
    if passes.is_guessed.any():
        into.notes.append(f"{int(passes.is_guessed.sum()):,} times are in {hour} in autumn: read as its first pass.")
    return np.where(passes.is_second, times.at_us + times.later_us, times.at_us)


def settle_skipped(times: Times, zone: str, where: str, place: Place, into: Ledger) -> None:
    """Times that no clock of the zone ever showed."""
    if not times.is_skipped.any():
        return
    day = _day(int(times.at_us[times.is_skipped.argmax()]), zone)
    told = (
        f"is no time of {zone} in {{rows}}: the clocks were put forward there on {day}, over an hour that never was. Are these "
        f"times of another zone, such as UTC?"
    )
    into.settle_rows("drop-nan", where, told, times.is_skipped, place, code="bad_time")


def _is_there_twice(place: Ints, at: Ints) -> Bools:
    """(m,) whether the same time is there before, in the same hour and group."""
    order = np.lexsort((np.arange(len(at)), at, place))
    again = np.append(False, (np.diff(place[order]) == 0) & (np.diff(at[order]) == 0))
    is_again = np.zeros(len(at), dtype=bool)
    is_again[order] = again
    return is_again


def _day(at_us: int, zone: str) -> str:
    return datetime.fromtimestamp(at_us / US_PER_S, ZoneInfo(zone)).date().isoformat()
