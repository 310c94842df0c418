"""Who waits for which record, and what became of it: durable, or refused for good.

Question answered: may this event be acknowledged now?
Records are settled in the order of their seqs, a commit group at a time; one that was refused stays refused.
"""

from __future__ import annotations

import asyncio
import threading
from bisect import bisect_right
from contextlib import suppress

from policyloop.core.errors import LogUnavailable

_Blocked = tuple[int, threading.Lock]  # a thread waits for its lock: waking 32 at once costs half of a Condition's way
_Waiter = tuple[int, "asyncio.Future[None]"]


class Acks:
    """Settled seqs, and those who wait for others. Safe to share between threads and event loops."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._settled = 0
        self._refused_from: list[int] = []  # first seqs of the refused ranges, ascending
        self._refused: list[tuple[int, str]] = []  # (last seq, reason) of each
        self._blocked: list[_Blocked] = []
        self._waiters: dict[asyncio.AbstractEventLoop, list[_Waiter]] = {}

    @property
    def settled(self) -> int:
        """All records up to this seq are durable or refused."""
        return self._settled

    def confirm(self, last_seq: int) -> None:
        """All unsettled records up to `last_seq` are durable now."""
        with self._guard:
            self._settle(last_seq)

    def refuse(self, last_seq: int, reason: str) -> None:
        """All unsettled records up to `last_seq` are refused, and will never be acknowledged."""
        with self._guard:
            if last_seq <= self._settled:
                return
            if self._refused and self._refused[-1][0] == self._settled:
                self._refused[-1] = (last_seq, reason)
            else:
                self._refused_from.append(self._settled + 1)
                self._refused.append((last_seq, reason))
            self._settle(last_seq)

    def wait(self, seq: int, *, timeout_s: float | None = None) -> None:
        """Block until the record is durable.

        Raises:
            LogUnavailable: it was refused, or nothing was known after `timeout_s`.
        """
        if self._settled < seq and not self._block_until(seq, timeout_s):
            raise LogUnavailable(f"record {seq} was not on the disk after {timeout_s} s")
        self._raise_if_refused(seq)

    async def durable(self, seq: int) -> None:
        """Return when the record is durable. All who wait in one event loop are woken by one call per commit group.

        Raises:
            LogUnavailable: it was refused.
        """
        if self._settled < seq:
            loop = asyncio.get_running_loop()
            future = loop.create_future()
            with self._guard:
                if self._settled < seq:
                    self._waiters.setdefault(loop, []).append((seq, future))
                else:
                    future.set_result(None)
            await future
        self._raise_if_refused(seq)

    def _block_until(self, seq: int, timeout_s: float | None) -> bool:
        """Block this thread until the record is settled; False when that took too long."""
        gate = threading.Lock()
        gate.acquire()
        mine = (seq, gate)
        with self._guard:
            if self._settled >= seq:
                return True
            self._blocked.append(mine)
        if gate.acquire(timeout=-1 if timeout_s is None else timeout_s):
            return True
        with self._guard:
            if mine in self._blocked:
                self._blocked.remove(mine)
            return self._settled >= seq

    def _settle(self, last_seq: int) -> None:
        """Move on to `last_seq` and wake who waited for it."""
        self._settled = last_seq
        blocked, self._blocked = self._blocked, []
        for mine in blocked:
            if mine[0] <= last_seq:
                mine[1].release()
            else:
                self._blocked.append(mine)
        for loop, waiters in list(self._waiters.items()):
            ready = [future for seq, future in waiters if seq <= last_seq]
            if not ready:
                continue
            rest = [waiter for waiter in waiters if waiter[0] > last_seq]
            if rest:
                self._waiters[loop] = rest
            else:
                del self._waiters[loop]
            with suppress(RuntimeError):  # the loop was closed: no one waits there any more
                loop.call_soon_threadsafe(_wake, ready)

    def _raise_if_refused(self, seq: int) -> None:
        """LogUnavailable when the settled record lies in a refused range."""
        if not self._refused:
            return
        with self._guard:
            place = bisect_right(self._refused_from, seq) - 1
            if place >= 0 and seq <= self._refused[place][0]:
                raise LogUnavailable(self._refused[place][1])


def _wake(futures: list[asyncio.Future[None]]) -> None:
    """Resolve in the event loop's own thread; a waiter may have been cancelled meanwhile."""
    for future in futures:
        if not future.done():
            future.set_result(None)
