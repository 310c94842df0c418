"""Notices: what happened is told to a receiver outside, soon, and again until it is taken or given up.

Question answered: has the one who wanted to know heard of it? Sending runs in a thread of its own, so that a slow receiver
delays nothing else, and what waits is in the records, so that a restart loses nothing: a notice comes at least once. One
that nobody takes is tried for most of a day, and then kept as failed. Nothing leaves this machine unless `notify.url`
names a receiver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np

from policyloop.core.clock import US_PER_S
from policyloop.core.errors import NotDelivered
from policyloop.core.rng import uuid7
from policyloop.registry import notice_rows
from policyloop.registry.notice_rows import NoticeRow
from policyloop.run.deployment import Deployment
from policyloop.run.lease import Lease
from policyloop.run.notices.webhook import Receiver
from policyloop.run.training import Tell

MOST_ATTEMPTS = 15
EXAMINE_EVERY_S = 600.0
FORGET_AFTER_S = 86_400.0  # a cause that was away for so long is told again
_FIRST_WAIT_S = 5.0  # doubled with every further attempt: all of them together are 11 to 23 hours
_LOOK_EVERY_S = 1.0
_PATIENCE_S = 2.0  # with what is being sent, at the end
_AT_ONCE = 20
_KEPT_S = 30 * 86_400.0
_LEASE = "notices"

Examine = Callable[[str], Mapping[str, str]]  # loop -> what is wrong with it: name of the cause -> sentence


class Notices:
    """The thread that tells. Of several processes on one data folder, one does.

    Args:
        receiver: who is told; None: nobody, and what waits is let go of.
        examine: finds what is wrong with a loop, now and then; None: nothing is looked for.
        tell: takes log lines.
        rng: spreads the attempts, so that a receiver that comes back is not met by all at once.
    """

    def __init__(
        self,
        deployment: Deployment,
        receiver: Receiver | None,
        *,
        examine: Examine | None,
        tell: Tell,
        rng: np.random.Generator,
    ) -> None:
        self._deployment = deployment
        self._receiver = receiver
        self._examine = examine
        self._tell = tell
        self._rng = rng
        self._lease = Lease(deployment.records, _LEASE, holder=uuid7(deployment.clock.now_us()), clock=deployment.clock)
        self._stopping = threading.Event()
        self._next_look_s = deployment.clock.monotonic_s() + EXAMINE_EVERY_S

    @contextmanager
    def running(self) -> Iterator[None]:
        """Tell until the end of the block."""
        thread = threading.Thread(target=self._run, name="notices", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(_PATIENCE_S)  # what is not taken by then is sent again after the next start

    def round(self) -> None:
        """Send once what is due, and look for what is wrong when it is time; nothing while another process does."""
        rows, is_look_due = self._due(), self._is_look_due()
        if not (rows or is_look_due) or not self._lease.take():  # an idle round writes nothing
            return
        self._send(rows)
        if is_look_due:
            self._look()

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - a locked database passes; telling must go on after it
                self._tell("error", "notices failed", {"error": f"{type(error).__name__}: {error}"})
        self._lease.give_back()

    def _due(self) -> list[NoticeRow]:
        d = self._deployment
        with d.records.read() as connection:
            return notice_rows.due(connection, now_us=d.clock.now_us(), limit=_AT_ONCE)

    def _send(self, rows: Sequence[NoticeRow]) -> None:
        """Send what is due, or let go of it where nobody wants to know."""
        d, receiver = self._deployment, self._receiver
        with d.records.write() as connection:
            notice_rows.drop_ended(connection, before=d.clock.now_us() - int(_KEPT_S * US_PER_S))
            if receiver is None:
                notice_rows.drop_waiting(connection)
                return
        for row in rows:
            if self._stopping.is_set() or not self._lease.take():
                return
            self._send_one(receiver, row)

    def _send_one(self, receiver: Receiver, row: NoticeRow) -> None:
        """Send one, and write down how that ended."""
        d = self._deployment
        try:
            status = receiver.send(row)
        except NotDelivered as error:
            self._put_off(row, str(error))
            return
        with d.records.write() as connection:
            notice_rows.end(connection, row, state="sent", message=f"answered {status}", now_us=d.clock.now_us())
        self._tell("info", "told", {"loop": row.loop, "what": row.kind, "notice": row.notice})

    def _put_off(self, row: NoticeRow, message: str) -> None:
        """Try again later, or give up."""
        d = self._deployment
        now_us, attempt = d.clock.now_us(), row.attempts + 1
        is_over = attempt >= MOST_ATTEMPTS
        with d.records.write() as connection:
            if is_over:
                notice_rows.end(connection, row, state="failed", message=message, now_us=now_us)
            else:
                next_at = now_us + int(wait_s(attempt, self._rng) * US_PER_S)
                notice_rows.put_off(connection, row, message=message, next_at=next_at)
        facts = {"loop": row.loop, "what": row.kind, "notice": row.notice, "attempt": attempt, "why": message}
        self._tell("error" if is_over else "warning", "could not tell", facts)

    def _is_look_due(self) -> bool:
        is_asked_for = self._examine is not None and self._receiver is not None
        return is_asked_for and self._deployment.clock.monotonic_s() >= self._next_look_s

    def _look(self) -> None:
        """Look for what is wrong with each loop, and have what is new told."""
        assert self._examine is not None
        self._next_look_s = self._deployment.clock.monotonic_s() + EXAMINE_EVERY_S
        for loop in self._deployment.registry.standings():
            try:
                tell_causes(self._deployment, loop, self._examine(loop))
            except Exception as error:  # noqa: BLE001 - one loop that cannot be examined must not keep the others from it
                self._tell("error", "examination failed", {"loop": loop, "error": f"{type(error).__name__}: {error}"})


def wait_s(attempt: int, rng: np.random.Generator) -> float:
    """How long to wait after a failed attempt (1, 2, ...): doubled every time, and between half and all of that."""
    return float(_FIRST_WAIT_S * 2 ** (attempt - 1) * rng.uniform(0.5, 1.0))


def tell_causes(deployment: Deployment, loop: str, causes: Mapping[str, str]) -> list[str]:
    """Have each new cause told once; one that was away for a day is new again. Answers the names of the new ones.

    Args:
        loop: its name.
        causes: all that is wrong with it now: name -> sentence.
    """
    now_us = deployment.clock.now_us()
    with deployment.records.write() as connection:
        since = now_us - int(FORGET_AFTER_S * US_PER_S)
        known = {name: at for name, at in notice_rows.known_causes(connection, loop).items() if at > since}
        new = [name for name in causes if name not in known]
        for name in new:
            facts = {"sentence": causes[name], "cause": name}
            notice_rows.add(connection, loop, "alarm", facts, now_us=now_us)
        notice_rows.keep_causes(connection, loop, known | dict.fromkeys(causes, now_us))
    return new
