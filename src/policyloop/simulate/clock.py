"""A simulated clock: time passes only when it is looked at, so that a simulation is a function of its seed."""

from __future__ import annotations

from policyloop.core.clock import US_PER_S

_START_US = 1_767_225_600 * US_PER_S  # 2026-01-01T00:00:00Z


class SimulatedClock:
    """One second passes with each look at the wall clock; no computation takes any time."""

    def __init__(self) -> None:
        self._now_us = _START_US

    def now_us(self) -> int:
        """Microseconds since 1970 UTC."""
        self._now_us += US_PER_S
        return self._now_us

    def monotonic_s(self) -> float:
        """Seconds, by the same clock."""
        return self._now_us / US_PER_S
