"""Waiting: the one thing that the two clients do differently. All else is written once, as coroutines.

Question answered: how does a call wait for the network, for time to pass, for the disk? `Client` blocks its thread at each
of these; its coroutines therefore never suspend, and `finish` runs one from its first line to its last. `AsyncClient`
gives way to the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from .clock import SystemClock
from .exchange import Reply
from .transport import Transport

T = TypeVar("T")


class Waiting(Protocol):
    """What a call may wait for."""

    async def post(self, path: str, body: bytes, *, deadline_s: float) -> Reply:
        """Send one JSON body and read the whole answer before the monotonic moment `deadline_s`.

        Raises:
            Down: refused, broken off, too late or too large.
        """
        ...

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        ...

    async def on_disk(self, work: Callable[[], T]) -> T:
        """Do work that may wait for the disk or for another process; what it raises is passed on."""
        ...


class Blocking:
    """Waits by blocking the thread."""

    def __init__(self, transport: Transport, clock: SystemClock) -> None:
        self._transport = transport
        self._clock = clock

    async def post(self, path: str, body: bytes, *, deadline_s: float) -> Reply:
        """As `Waiting` says."""
        return self._transport.post(path, body, deadline_s=deadline_s)

    async def sleep(self, seconds: float) -> None:
        """As `Waiting` says."""
        self._clock.sleep(seconds)

    async def on_disk(self, work: Callable[[], T]) -> T:
        """As `Waiting` says."""
        return work()


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine all of whose waits block; what it raises is passed on."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("a blocking wait gave way")
