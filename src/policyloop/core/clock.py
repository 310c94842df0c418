"""What time it is: wall clock anchored to the monotonic one, so that it never runs backwards within a process.

Times are microseconds since 1970 in UTC, as integers; `hour` names the UTC hour that a decision is filed under.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Protocol

US_PER_S = 1_000_000
US_PER_HOUR = 3600 * US_PER_S

TimeUs = Annotated[int, "microseconds since 1970 UTC"]  # in what is answered as JSON, where it becomes RFC 3339


class Clock(Protocol):
    """A source of time; comes in as an argument, never as a global."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC, never decreasing."""
        ...

    def monotonic_s(self) -> float:
        """Seconds on a clock that is good for timeouts and durations alone."""
        ...


class SystemClock:
    """The machine's time: the wall clock at start plus the monotonic time since then.

    A step of the wall clock while the process runs is not followed; the next start follows it, but never to
    before `not_before_us` (the time of the last record that was recovered).
    """

    def __init__(self, *, not_before_us: int = 0) -> None:
        self._anchor_ns = max(time.time_ns(), not_before_us * 1000) - time.monotonic_ns()

    def now_us(self) -> int:
        """Microseconds since 1970 UTC, never decreasing."""
        return (self._anchor_ns + time.monotonic_ns()) // 1000

    def monotonic_s(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()


def hour_of(time_us: int) -> str:
    """The UTC hour as the tables name it: `2026-11-01T07`."""
    return datetime.fromtimestamp(time_us // US_PER_S, tz=UTC).strftime("%Y-%m-%dT%H")


def iso(time_us: int) -> str:
    """RFC 3339 with microseconds and `Z`, as the wire writes times."""
    return f"{_to_the_second(time_us // US_PER_S)}.{time_us % US_PER_S:06d}Z"


@lru_cache(maxsize=64)
def _to_the_second(time_s: int) -> str:
    """The part that all answers of one second share; making it takes longer than the rest of an answer."""
    return datetime.fromtimestamp(time_s, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")


def from_iso(text: str) -> int:
    """Microseconds since 1970 UTC of an RFC 3339 time; one without an offset is taken as UTC.

    Raises:
        ValueError: the text is not a time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * US_PER_S + delta.microseconds
