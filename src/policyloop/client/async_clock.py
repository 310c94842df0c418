"""The time, as the SDK needs it on an event loop: the clocks are the machine's, and waiting gives way to other tasks."""

from __future__ import annotations

import asyncio
import time


class AsyncClock:
    """The machine's time; tests pass another object with these three methods."""

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        return time.time_ns() // 1000

    def monotonic_s(self) -> float:
        """Seconds since some moment in the past."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let other tasks go on for so long."""
        await asyncio.sleep(seconds)
