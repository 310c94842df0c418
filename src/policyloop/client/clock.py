"""The time, as the SDK needs it: the wall clock for ids and stamps, the monotonic one for deadlines and waiting."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the time is."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some moment in the past."""
        ...


class SystemClock:
    """The machine's time, and waiting that blocks; tests pass another object with these three methods."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def iso(time_us: int) -> str:
    """RFC 3339 with microseconds and `Z`, as the wire writes times."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time_us // 1_000_000)) + f".{time_us % 1_000_000:06d}Z"
