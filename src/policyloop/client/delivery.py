"""Reports on their way: straight to the server, or through the spool while the server is away.

Question answered: is this report durable somewhere, and what becomes of it later? After a failure the server is left
alone for a while, longer each time, and reports go to the spool at once; the next report after that sends what waits.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .answers import Receipt, read_results
from .body import encode
from .caller import Caller
from .clock import Clock, iso
from .errors import Refused, SpoolFull, Unavailable
from .spool import Row, Spool
from .waiting import Waiting

BATCH_BYTES = 512 * 2**10  # of one request; the server takes up to 1 MB
_ROW_IS_AT_FAULT = (400, 409, 413, 422)  # other refusals are about the address or the rights, not about the row

_log = logging.getLogger(__name__)


class Delivery:
    """Reports to one server, through one spool or none. Safe to share between threads and between tasks."""

    def __init__(self, caller: Caller, spool: Spool | None, *, waiting: Waiting, clock: Clock) -> None:
        self._caller = caller
        self._waiting = waiting
        self._spool = spool
        self._clock = clock
        self._guard = threading.Lock()
        self._n_failures = 0
        self._quiet_until_s = float("-inf")

    @property
    def has_spool(self) -> bool:
        """Whether reports can wait here while the server is away."""
        return self._spool is not None

    async def report(self, rows: Sequence[Row], send: Callable[[float], Awaitable[Receipt]], *, timeout_s: float) -> Receipt:
        """Do `send` with the seconds that it may take; when the server is away, keep the rows in the spool instead.

        Raises:
            Refused: the server calls the report the caller's mistake.
            Unavailable: the server is away and there is no spool.
            SpoolFull: the server is away and the spool takes no more.
        """
        if self._spool is None:
            return await send(timeout_s)
        deadline_s = self._clock.monotonic_s() + timeout_s
        if self._clock.monotonic_s() >= self._quiet_until_s:
            try:
                await self._replay_one(self._spool, timeout_s=timeout_s)
                receipt = await send(deadline_s - self._clock.monotonic_s())
            except Unavailable as error:
                self._went_down(error)
            else:
                self._came_up()
                return receipt
        await self._append(self._spool, rows)
        return Receipt(spooled=len(rows))

    async def keep_quietly(self, row: Row) -> None:
        """Put a row into the spool, if there is one; a spool that takes no more is only told in the program's log."""
        if self._spool is None:
            return
        try:
            await self._append(self._spool, [row])
        except SpoolFull as error:
            _log.warning("%s", error)

    async def flush(self, *, timeout_s: float) -> bool:
        """Send what waits in the spool, for at most `timeout_s`; whether nothing waits any more."""
        if self._spool is None:
            return True
        deadline_s = self._clock.monotonic_s() + timeout_s
        try:
            while (left_s := deadline_s - self._clock.monotonic_s()) > 0:
                if not await self._replay_one(self._spool, timeout_s=left_s):
                    break
                self._came_up()
        except Unavailable as error:
            self._went_down(error)
        return _has_nothing(self._spool)

    async def track(self, rows: Sequence[Row], *, timeout_s: float, is_once: bool = False) -> list[Mapping[str, Any]]:
        """A result per row, each durable on the server, known to it already, or refused with a reason.

        Raises:
            Refused: a batch was refused as a whole; those before it were taken.
            Unavailable: an outage; batches before it were taken.
        """
        results: list[Mapping[str, Any]] = []
        for batch in batches(rows):
            read = partial(read_results, n=len(batch))
            results += await self._caller.call("/v1/track", batch, read, timeout_s=timeout_s, is_once=is_once)
        return results

    async def _append(self, spool: Spool, rows: Sequence[Row]) -> None:
        stamped = [self._stamped(row) for row in rows]
        await self._waiting.on_disk(lambda: spool.append(stamped))

    async def _replay_one(self, spool: Spool, *, timeout_s: float) -> bool:
        """Send the oldest file of the spool; False when there is none to send."""
        try:
            claimed = None if spool.is_empty else await self._waiting.on_disk(spool.claim)
            if claimed is None:
                return False
            try:
                reasons = await self._deliver(claimed.rows, timeout_s) if claimed.rows else []
                await self._waiting.on_disk(lambda: spool.settle(claimed, reasons))
            finally:
                claimed.release()
        except OSError as error:  # the disk, not the server: what waits stays where it is
            _log.warning("the spool %s cannot be replayed: %s", spool.folder, error)
            return False
        return True

    async def _deliver(self, rows: Sequence[Row], timeout_s: float) -> list[str | None]:
        """Send spooled rows; per row None when it was taken, else why it never will be.

        A batch that is refused as a whole is halved until the row at fault stands alone.
        """
        try:
            results = await self.track(rows, timeout_s=timeout_s, is_once=True)
        except Refused as error:
            if error.status not in _ROW_IS_AT_FAULT:
                raise Unavailable(f"the server refuses what waits in the spool: {error}") from error
            if len(rows) == 1:
                return [_set_aside(rows[0], str(error))]
            half = len(rows) // 2
            return await self._deliver(rows[:half], timeout_s) + await self._deliver(rows[half:], timeout_s)
        return [_why_refused(row, result) for row, result in zip(rows, results)]  # noqa: B905 - not in Python 3.9

    def _stamped(self, row: Row) -> Row:
        """The row with the time at which it happened, which would else be the time at which it arrives."""
        return row if row.get("occurred_at") is not None else {**row, "occurred_at": iso(self._clock.now_us())}

    def _went_down(self, error: Unavailable) -> None:
        with self._guard:
            pause_s = max(error.pause_s, self._caller.pause_s(self._n_failures + 4))  # from half a second on
            self._quiet_until_s = self._clock.monotonic_s() + pause_s
            self._n_failures += 1
            if self._n_failures == 1:
                _log.warning("reports are spooled: %s", error)

    def _came_up(self) -> None:
        with self._guard:
            if self._n_failures:
                _log.info("the server takes reports again")
            self._n_failures = 0
            self._quiet_until_s = float("-inf")


def batches(rows: Sequence[Row]) -> list[list[Row]]:
    """The rows in order, in lists whose JSON stays below what one request may hold; a larger row stands alone."""
    found: list[list[Row]] = []
    size = BATCH_BYTES
    for row in rows:
        n_bytes = len(encode(row)) + 1
        if size + n_bytes > BATCH_BYTES:
            found.append([])
            size = 0
        found[-1].append(row)
        size += n_bytes
    return found


def _why_refused(row: Row, result: Mapping[str, Any]) -> str | None:
    if result["status"] != "refused":
        return None
    problem = result.get("error")
    if not isinstance(problem, Mapping):
        return _set_aside(row, "the server refused it without a word why")
    if isinstance(problem.get("status"), int) and problem["status"] >= 500:
        raise Unavailable(f"the server could not take a row: {problem.get('detail')}")
    return _set_aside(row, str(problem.get("detail") or problem.get("code")))


def _set_aside(row: Row, reason: str) -> str:
    """Tell that a spooled report is lost for the loop; its values stay out of the program's log."""
    _log.warning("a spooled report on decision %s is set aside: %s", row.get("decision_id"), reason)
    return reason


def _has_nothing(spool: Spool) -> bool:
    """Whether nothing waits; a folder that cannot be read may hold anything."""
    try:
        return spool.is_empty
    except OSError as error:
        _log.warning("the spool %s cannot be read: %s", spool.folder, error)
        return False
