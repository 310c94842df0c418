"""Taking events in: appended once, acknowledged when every one of them is durable, remembered for a minute.

Question answered: are these events safe now, and which of them had been taken a moment ago?
The memory is this process's own and helps only those who retry soon; repeats that it misses meet when the tables are joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policyloop.core.clock import Clock
from policyloop.core.event import Event, Logged
from policyloop.ingest.outcomes import fingerprint
from policyloop.ingest.recent import Recent
from policyloop.log.writer import LogWriter


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some events; all of them are durable."""

    n_new: int
    n_duplicates: int


class Intake:
    """The way of reports into the log."""

    def __init__(self, log: LogWriter, *, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self.recent: Recent[bool] = Recent()  # fingerprints of events that are durable

    async def take(self, events: Sequence[Event]) -> Taken:
        """Append those that are new, and return when all are durable.

        Raises:
            LogUnavailable: some are not, and may never be; sending all of them again is safe where they have ids.
        """
        now_s = self._clock.monotonic_s()
        new: dict[bytes, Event] = {}
        for event in events:
            key = fingerprint(event)
            if not self.recent.get(key, now_s=now_s):
                new.setdefault(key, event)
        await self.append([(event, key) for key, event in new.items()])
        return Taken(len(new), len(events) - len(new))

    async def append(self, events: Sequence[tuple[Logged, bytes | None]]) -> None:
        """Append events with their fingerprints, and return when all are durable.

        Raises:
            LogUnavailable: some are not, and may never be.
        """
        seqs = [self._log.append(event) for event, _ in events]
        for seq in reversed(seqs):  # the last one waits; the others are settled by then, but may have been refused
            await self._log.durable(seq)
        now_s = self._clock.monotonic_s()
        for _, key in events:
            if key is not None:
                self.recent.put(key, True, now_s=now_s)
