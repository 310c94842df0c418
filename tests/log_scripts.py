"""Events and clocks for tests of the log."""

from __future__ import annotations

import time
from collections.abc import Callable

from policyloop.core.event import Decision, Outcome

START_US = 1_793_520_000_000_000


class SetClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now = now_us

    def now_us(self) -> int:
        return self.now

    def monotonic_s(self) -> float:
        return self.now / 1e6

    def pass_s(self, seconds: float) -> None:
        self.now += round(seconds * 1e6)


def decision(n: int, *, at: int = START_US, context: str = '{"hour":3}') -> Decision:
    """The n-th decision of a test."""
    return Decision(
        loop="front-page",
        decision_id=f"decision-{n}",
        decided_at=at,
        spec="5" * 32,
        policy="baseline",
        context=context,
        split=0.25,
        action=[n % 3],
        propensity=0.5,
        pmf=[[0.25, 0.5, 0.25]],
    )


def outcome(n: int, *, at: int = START_US) -> Outcome:
    """The outcome of the n-th decision."""
    return Outcome(loop="front-page", decision_id=f"decision-{n}", outcome_id=f"o{n}", received_at=at, values={"clicked": 1.0})


def until(is_so: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
