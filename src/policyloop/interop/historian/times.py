"""Times of a history: texts or numbers in some time zone, as microseconds since 1970 UTC.

Question answered: when was this? A time that names its own offset is taken at its word; every other is a local time of the
zone that was asked for. In autumn one local hour happens twice: it is read as its first pass, and marked (clocks.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.interop.historian.file import one_array
from policyloop.lake.sql import Session

_OFFSET = r"(?:[zZ]|[+-]\d\d(?::?\d\d)?)$"
_CLOCK = r"\d:\d\d.*" + _OFFSET  # an offset stands behind a time of day: `2026-11-01` ends in no offset
_NAIVE = pa.timestamp("us")
_UNITS = ((1e11, 1e6), (1e14, 1e3), (1e17, 1.0))  # below the first: the number counts in units of the second, in microseconds

_READ = """
SELECT try_cast(text AS TIMESTAMP) AS time, epoch_us(try_cast(text AS TIMESTAMPTZ)) AS instant,
    try_cast(text AS DOUBLE) AS number
FROM texts
"""


@dataclass(frozen=True, slots=True)
class Times:
    """(n,) times, and what to know of them."""

    at_us: NDArray[np.int64]  # where `is_bad`, 0
    is_bad: NDArray[np.bool_]  # missing, no time, or a local time that never was
    is_skipped: NDArray[np.bool_]  # of the bad: a local time that never was
    later_us: NDArray[np.int64]  # how much later it was if it was the second of two; 0 where a time happened once

    @property
    def n_twice(self) -> int:
        """Local times that happened twice."""
        return int((self.later_us > 0).sum())


def times_of(column: pa.ChunkedArray, *, zone: str, time_format: str | None = None) -> Times:
    """Times of a column of texts, timestamps, dates or numbers.

    Args:
        column: numbers count seconds since 1970, or milliseconds, microseconds or nanoseconds where they are that large.
        zone: of those without an offset.
        time_format: as strptime takes it; None: ISO 8601.
    """
    flat = one_array(column)
    if pa.types.is_timestamp(flat.type) and flat.type.tz is not None:
        return _as_times(flat.cast(pa.timestamp("us", flat.type.tz), safe=False))
    if pa.types.is_timestamp(flat.type) or pa.types.is_date(flat.type):
        return _local(flat.cast(_NAIVE, safe=False), zone)
    if pa.types.is_integer(flat.type) or pa.types.is_floating(flat.type):
        return _counted(np.asarray(flat.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)))
    texts = pc.utf8_trim_whitespace(flat.cast(pa.string()))
    if time_format is not None:
        return _local(pc.strptime(texts, format=time_format, unit="us", error_is_null=True), zone)
    return _iso(texts, zone)


def _iso(texts: pa.Array, zone: str) -> Times:
    """Texts as ISO 8601 writes times, with an offset or without; a column of numbers in a CSV is one of texts, too."""
    with Session({"texts": pa.table({"text": texts})}) as session:
        told = session.query(_READ)
    time = one_array(told["time"]).cast(_NAIVE)
    if time.null_count == len(time):
        return _counted(told["number"].to_numpy())
    has_offset = np.asarray(pc.fill_null(pc.match_substring_regex(texts, _CLOCK), False).to_numpy(zero_copy_only=False))
    if not has_offset.any():
        return _local(time, zone)
    instant = one_array(told["instant"])
    exact = _as_times(instant)
    if has_offset.all():
        return exact
    local = _local(time, zone)
    return Times(
        np.where(has_offset, exact.at_us, local.at_us),
        np.where(has_offset, exact.is_bad, local.is_bad),
        ~has_offset & local.is_skipped,
        np.where(has_offset, 0, local.later_us),
    )


def _local(naive: pa.Array, zone: str) -> Times:
    """Local times of a zone."""
    if zone == "UTC":
        return _as_times(naive)
    first = pc.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="earliest")
    second = pc.assume_timezone(naive, zone, ambiguous="latest", nonexistent="latest")
    is_odd = np.asarray(pc.fill_null(pc.not_equal(first, second), False).to_numpy(zero_copy_only=False))
    times = _as_times(first)
    if not is_odd.any():
        return times
    back = pc.local_timestamp(first)
    never_was = is_odd & np.asarray(pc.fill_null(pc.not_equal(back, naive), False).to_numpy(zero_copy_only=False))
    later = pc.fill_null(pc.subtract(second.cast(pa.int64()), first.cast(pa.int64())), 0).to_numpy(zero_copy_only=False)
    return Times(times.at_us, times.is_bad | never_was, never_was, np.where(is_odd & ~never_was, later, 0))


def _as_times(stamps: pa.Array) -> Times:
    is_bad = np.asarray(stamps.is_null().to_numpy(zero_copy_only=False)).astype(bool)
    return _once(pc.fill_null(stamps.cast(pa.int64()), 0).to_numpy(zero_copy_only=False).astype(np.int64), is_bad)


def _once(at_us: NDArray[np.int64], is_bad: NDArray[np.bool_]) -> Times:
    """Times that happened once each."""
    return Times(at_us, is_bad, np.zeros(len(at_us), dtype=bool), np.zeros(len(at_us), dtype=np.int64))


def _counted(numbers: NDArray[np.float64]) -> Times:
    """Numbers since 1970; their size tells the unit."""
    is_bad = ~np.isfinite(numbers)
    largest = float(np.abs(numbers[~is_bad]).max()) if not is_bad.all() else 0.0
    unit = next((unit for limit, unit in _UNITS if largest < limit), 1e-3)
    return _once(np.where(is_bad, 0.0, numbers * unit).round().astype(np.int64), is_bad)
