"""Keepers: where a decider at the edge puts what it decided and heard, before it answers.

Question answered: is this decision safe, and how does it get home later? A log keeps the very records that a server
would, to be shipped as segments. A spool keeps rows of `track`, to be delivered over HTTP. Memory keeps nothing for sure.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from policyloop.client.answers import Receipt
from policyloop.client.client import Client
from policyloop.client.errors import ClientError, SpoolFull
from policyloop.client.spool import Spool
from policyloop.core.clock import Clock, iso
from policyloop.core.errors import LogUnavailable
from policyloop.core.event import Logged, Outcome
from policyloop.core.wire import ActivateRequest, DecideRequest, OutcomeRequest
from policyloop.log.writer import LogConfig, LogWriter
from policyloop.serve.decider import Decided

LOW_WATER_BYTES = 64 * 2**20  # a device has less room than a server
SEAL_AFTER_S = 60.0  # segments that are sealed can be shipped while the decider lives
MAX_IN_MEMORY = 10_000  # rows; beyond it the oldest are let go of
_BATCH = 500  # rows of one request

Row = dict[str, Any]
Report = OutcomeRequest | ActivateRequest


class Keeper(Protocol):
    """Where events go."""

    @property
    def is_durable(self) -> bool:
        """Whether what was kept survives a crash, so that an answer may say `logged`."""
        ...

    @property
    def is_dated_on_delivery(self) -> bool:
        """Whether a server takes the moment of delivery for that of the decision."""
        ...

    def append(self, record: Logged) -> int:
        """Take a record in while the decision is being made; gives its number."""
        ...

    def keep(self, request: DecideRequest, decided: Decided) -> None:
        """Return when the decision is safe.

        Raises:
            LogUnavailable: it is not, and is not to be shown.
        """
        ...

    def report(self, loop: str, request: Report, event: Outcome) -> Receipt:
        """Return when the report is safe.

        Raises:
            LogUnavailable: it is not.
        """
        ...

    def deliver(self, timeout_s: float) -> bool:
        """Bring what waits on its way home, as far as that is this keeper's task; whether nothing waits any more."""
        ...

    def close(self) -> None:
        """Leave nothing open."""
        ...


class LogKeeper:
    """Keeps records in segments of its own; `policyloop ship` brings them home."""

    def __init__(self, folder: Path, *, clock: Clock, mode: str) -> None:
        config = LogConfig(
            low_water_bytes=LOW_WATER_BYTES, seal_after_s=SEAL_AFTER_S, mode="fast" if mode == "fast" else "durable"
        )
        self._writer = LogWriter(folder, clock=clock, config=config)

    @property
    def is_durable(self) -> bool:
        """See `Keeper`."""
        return True

    @property
    def is_dated_on_delivery(self) -> bool:
        """See `Keeper`."""
        return False

    def append(self, record: Logged) -> int:
        """See `Keeper`."""
        return self._writer.append(record)

    def keep(self, request: DecideRequest, decided: Decided) -> None:
        """See `Keeper`."""
        self._writer.wait(decided.seq)
        if decided.set_seq is not None:
            self._writer.wait(decided.set_seq)

    def report(self, loop: str, request: Report, event: Outcome) -> Receipt:
        """See `Keeper`."""
        self._writer.wait(self._writer.append(event))
        return Receipt(spooled=1)

    def deliver(self, timeout_s: float) -> bool:
        """Seal what there is, so that it can be shipped."""
        self._writer.roll(timeout_s)
        return True

    def close(self) -> None:
        """See `Keeper`."""
        self._writer.close()


class SpoolKeeper:
    """Keeps rows in a spool, fsynced, and delivers them to the server in their order."""

    def __init__(self, folder: Path, server: str, *, max_bytes: int) -> None:
        self._spool = Spool(folder, max_bytes=max_bytes)
        self._client = Client(server, spool=folder, spool_bytes=max_bytes)

    @property
    def is_durable(self) -> bool:
        """See `Keeper`."""
        return True

    @property
    def is_dated_on_delivery(self) -> bool:
        """See `Keeper`."""
        return True

    def append(self, record: Logged) -> int:
        """The row is made of the request as well, so it is kept later."""
        return 0

    def keep(self, request: DecideRequest, decided: Decided) -> None:
        """See `Keeper`. A repeat is kept too: the first may not be on the disk yet, and may never be."""
        self._append(decision_row(request, decided))

    def report(self, loop: str, request: Report, event: Outcome) -> Receipt:
        """See `Keeper`."""
        self._append(report_row(loop, request, event))
        return Receipt(spooled=1)

    def deliver(self, timeout_s: float) -> bool:
        """Send what waits; rows that the server refuses are set aside in the spool with its reason."""
        return self._client.flush(timeout=timeout_s)

    def close(self) -> None:
        """See `Keeper`."""
        self._client.close()

    def _append(self, row: Row) -> None:
        try:
            self._spool.append([row])
        except SpoolFull as error:
            raise LogUnavailable(error.message.rstrip(".")) from error


class MemoryKeeper:
    """Keeps rows in memory until they are delivered, or nothing at all where there is no server."""

    def __init__(self, server: str | None) -> None:
        self._client = None if server is None else Client(server)
        self._rows: deque[Row] = deque(maxlen=MAX_IN_MEMORY)
        self._sending = threading.Lock()

    @property
    def is_durable(self) -> bool:
        """See `Keeper`."""
        return False

    @property
    def is_dated_on_delivery(self) -> bool:
        """See `Keeper`."""
        return self._client is not None

    def append(self, record: Logged) -> int:
        """See `Keeper`."""
        return 0

    def keep(self, request: DecideRequest, decided: Decided) -> None:
        """See `Keeper`."""
        if self._client is not None and not decided.is_repeat:
            self._rows.append(decision_row(request, decided))

    def report(self, loop: str, request: Report, event: Outcome) -> Receipt:
        """See `Keeper`."""
        if self._client is None:
            return Receipt(dropped=1)
        self._rows.append(report_row(loop, request, event))
        return Receipt()

    def deliver(self, timeout_s: float) -> bool:
        """See `Keeper`."""
        with self._sending:
            while self._client is not None and self._rows:
                batch = [self._rows[i] for i in range(min(_BATCH, len(self._rows)))]
                try:
                    self._client.track(batch, timeout=timeout_s)
                except ClientError:
                    return False
                for row in batch:
                    if self._rows and self._rows[0] is row:  # else it was let go of meanwhile
                        self._rows.popleft()
        return True

    def close(self) -> None:
        """See `Keeper`."""
        if self._client is not None:
            self._client.close()


def decision_row(request: DecideRequest, decided: Decided) -> Row:
    """The decision as a row of `track`, with the probabilities that it was drawn from."""
    event = decided.event
    asked = msgspec.to_builtins(request)
    row: Row = {
        "type": "decision",
        "loop": event.loop,
        "decision_id": event.decision_id,
        "context": asked["context"],
        **_taken(decided),
        "propensity_kind": event.propensity_kind,
        "policy": event.policy,
        "occurred_at": request.occurred_at or iso(event.decided_at),
        **({"fallback": True} if event.is_fallback else {}),
    }
    alike = ("mask", "exclude", "actions", "defer", "episode_id", "subject")
    step = {} if event.step is None else {"step": event.step}
    return row | step | {key: asked[key] for key in alike if asked[key] not in (None, False)}


def _taken(decided: Decided) -> Row:
    """What was done and how likely it was: a label with its pmf, or numbers with their density."""
    event, answer = decided.event, decided.answer
    if answer.values is UNSET:
        return {"action": answer.action, "pmf": event.probabilities()}
    numbers: Row = {"values": answer.values, "propensity": event.propensity, "action_source": event.action_source}
    return numbers if event.action else numbers | {"density": event.density}  # it says nothing of labels beside them


def report_row(loop: str, request: Report, event: Outcome) -> Row:
    """The report as a row of `track`, with the id and the time that make it the same whenever it is sent."""
    kind = "outcome" if isinstance(request, OutcomeRequest) else "activation"
    said: Mapping[str, Any] = {k: v for k, v in msgspec.to_builtins(request).items() if v is not None and v is not False}
    row: Row = {"type": kind, "loop": loop, **said, "occurred_at": request.occurred_at or iso(event.received_at)}
    return row | ({"outcome_id": event.outcome_id} if kind == "outcome" else {})
