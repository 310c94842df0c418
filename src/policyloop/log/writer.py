"""The log's writer: takes events, groups them, and says when they are on the disk.

Question answered: is this event safe, so that it may be acknowledged?
One committer thread writes a group, syncs it, and wakes all who waited for it; meanwhile the next group gathers. After
a failed write or sync nothing of what was not yet acknowledged ever will be: the file is given up and a new one begun.
Sources: group commit as in PostgreSQL's commit_delay; its lesson on failed fsyncs (wiki: Fsync Errors).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from policyloop.core.clock import US_PER_S, Clock
from policyloop.core.errors import BadSetting, Fault, Invalid, LogUnavailable
from policyloop.core.event import FORM, MAX_PAYLOAD_BYTES, Decision, Logged, encode, kind_of
from policyloop.core.rng import uuid7
from policyloop.log.acks import Acks
from policyloop.log.files import Files, SystemFiles
from policyloop.log.line import Line
from policyloop.log.segment import Entry

_LOOK_S = 0.25  # how often the disk's free space is looked at, and an unwritable log is tried again
_FAST_WAIT_S = 0.01  # how long a group gathers when no one waits for it
_FAST_WINDOW_S = 0.05  # mode fast acknowledges before the sync only while nothing older than this waits for one
_MAX_BUFFERED_BYTES = 64 * 2**20  # more than this not yet written means that the disk does not keep up
_NO_ONE_SLEEPS = 2**31  # more records than ever wait: the committer need not be called


@dataclass(frozen=True, kw_only=True, slots=True)
class LogConfig:
    """How the log groups and files its events."""

    segment_bytes: int = 64 * 2**20  # a segment is sealed when it would grow beyond
    group_wait_s: float = 0.001  # how long a commit waits for company, when the last one had some
    low_water_bytes: int = 2**30  # below this much free disk, new events are refused
    seal_after_s: float = 2.0  # segments are sealed at multiples of this on the clock; 0: only when full or asked
    mode: Literal["durable", "fast"] = "durable"  # fast: acknowledged before the sync, up to 50 ms may be lost

    def __post_init__(self) -> None:
        if not 64 * 2**10 <= self.segment_bytes <= 256 * 2**20:
            raise BadSetting(f"log.segment_bytes is {self.segment_bytes}; expected 65,536 to 268,435,456.")
        if not 0 <= self.group_wait_s <= 1:
            raise BadSetting(f"log.group_wait_s is {self.group_wait_s}; expected 0 to 1 second.")
        if self.low_water_bytes < 0:
            raise BadSetting(f"log.low_water_bytes is {self.low_water_bytes}; expected 0 or more.")
        if not 0 <= self.seal_after_s <= 3600:
            raise BadSetting(f"log.seal_after_s is {self.seal_after_s}; expected 0 to 3600 seconds.")
        if self.mode not in ("durable", "fast"):
            raise BadSetting(f"log.mode is '{self.mode}'; expected durable or fast.")


class LogWriter:
    """One process's line of segments in a log folder. Threads and event loops may share it."""

    def __init__(self, folder: Path, *, clock: Clock, config: LogConfig | None = None, files: Files | None = None) -> None:
        """Begin a line of segments.

        Raises:
            LogUnavailable: the folder cannot be made or written to. A disk that is merely full does not raise here:
                `is_writable` is False until there is room.
        """
        self.writer = uuid7(clock.now_us())
        self._folder = folder
        self._clock = clock
        self._config = config or LogConfig()
        self._files = files or SystemFiles()
        self._is_fast = self._config.mode == "fast"
        self._group_wait_s = _FAST_WAIT_S if self._is_fast else self._config.group_wait_s
        self._acks = Acks()

        self._guard = threading.Lock()  # of all that follows, up to the blank line
        self._wake = threading.Condition(self._guard)  # the committer waits here
        self._rolled = threading.Condition(self._guard)
        self._buffer: list[Entry] = []
        self._buffered_bytes = 0
        self._next_seq = 1
        self._last_time = 0
        self._wanted = 1  # the committer sleeps until so many records are there
        self._synced_up_to_s = 0.0  # what was appended before this monotonic time is settled
        self._refusal: str | None = None
        self._is_closing = False
        self._n_rolls_asked = 0
        self._n_rolls_done = 0

        # The rest belongs to the committer thread alone.
        self._line = self._begin_line()
        self._last_group = 1
        self._looked_at = clock.monotonic_s() - _LOOK_S
        self._next_tick = self._tick_after(clock.now_us())
        self._mend()
        self._look_at_disk()
        self._line.beat(clock.now_us())
        self._thread = threading.Thread(target=self._run, name="log-committer", daemon=True)
        self._thread.start()

    @property
    def is_writable(self) -> bool:
        """Whether new events are taken. False while the disk is full, fails, or after `close`."""
        return self._refusal is None

    @property
    def refusal(self) -> str | None:
        """Why events are refused, in words, or None when they are not."""
        return self._refusal

    def append(self, event: Logged) -> int:
        """Take in an event, or a set of candidates, and return its seq.

        It is safe only when `wait` or `durable` of that seq has returned.

        Times never decrease within a writer: an event that was stamped before another that came first, or before the
        last heartbeat, is stored with the later time.

        Raises:
            LogUnavailable: the log cannot be written now; nothing was taken in.
            Invalid: the event is larger than a record may be.
        """
        payload = encode(event)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise Invalid([Fault("$", f"it has {len(payload):,} bytes; expected at most {MAX_PAYLOAD_BYTES:,}.", "too_large")])
        kind = int(kind_of(event))
        time_us = event.decided_at if isinstance(event, Decision) else event.received_at
        with self._guard:
            if self._refusal is not None:
                raise LogUnavailable(self._refusal)
            if self._buffered_bytes > _MAX_BUFFERED_BYTES:
                raise LogUnavailable(f"{self._buffered_bytes:,} bytes wait for a disk that does not keep up")
            if time_us < self._last_time:
                payload = encode(_at(event, self._last_time))
            else:
                self._last_time = time_us
            seq = self._next_seq
            if self._is_fast and self._acks.settled == seq - 1:
                self._synced_up_to_s = self._clock.monotonic_s()
            self._next_seq = seq + 1
            self._buffer.append((kind, FORM, payload))
            self._buffered_bytes += len(payload)
            if len(self._buffer) >= self._wanted:
                self._wanted = _NO_ONE_SLEEPS
                self._wake.notify()
        return seq

    def wait(self, seq: int, timeout_s: float | None = None) -> None:
        """Block until the record may be acknowledged. In mode `fast` that is at once, while the disk keeps up.

        Raises:
            LogUnavailable: it never will be, or it is not known after `timeout_s` (it may still appear in the log).
        """
        if not self._is_early():
            self._acks.wait(seq, timeout_s=timeout_s)

    async def durable(self, seq: int) -> None:
        """Return when the record may be acknowledged. In mode `fast` that is at once, while the disk keeps up.

        Raises:
            LogUnavailable: it never will be.
        """
        if not self._is_early():
            await self._acks.durable(seq)

    def roll(self, timeout_s: float = 10.0) -> None:
        """Seal what has been appended so far, beat, and begin a new segment.

        Raises:
            LogUnavailable: it was not done after `timeout_s`, or the log is closed.
        """
        with self._guard:
            if self._is_closing:
                raise LogUnavailable("it is closed")
            self._n_rolls_asked += 1
            mine = self._n_rolls_asked
            self._wake.notify_all()
            if not self._rolled.wait_for(lambda: self._n_rolls_done >= mine, timeout_s):
                raise LogUnavailable(f"the segment was not sealed after {timeout_s} s")

    def close(self) -> None:
        """Commit and seal what was appended, and leave nothing open. Later appends are refused; a second call does nothing."""
        with self._guard:
            self._is_closing = True
            self._wake.notify_all()
        self._thread.join()

    def _run(self) -> None:
        """The committer thread."""
        try:
            while self._work_once():
                pass
        finally:  # also when we made a mistake: no one must wait for ever
            self._refuse("it is closed")
            with self._guard:
                self._n_rolls_done = self._n_rolls_asked
                self._rolled.notify_all()

    def _work_once(self) -> bool:
        """Wait for work, do it; False after the last time."""
        self._wait_for_work()
        self._look_at_disk()
        with self._guard:
            entries, self._buffer, self._buffered_bytes = self._buffer, [], 0
            first_seq = self._next_seq - len(entries)
            is_closing, asked = self._is_closing, self._n_rolls_asked
            now, taken_at_s = self._clock.now_us(), self._clock.monotonic_s()
            is_roll_due = asked > self._n_rolls_done or now >= self._next_tick
            if is_closing:
                self._refusal = self._refusal or "it is closed"
            if is_roll_due:  # from now on no event is older than the heartbeat that follows
                self._last_time = max(self._last_time, now)
        self._commit(first_seq, entries)
        self._synced_up_to_s = taken_at_s
        if is_closing:
            self._line.end(self._acks.settled + 1, last_time=self._last_time)
        elif is_roll_due:
            self._roll(now)
            with self._guard:
                self._n_rolls_done = asked
                self._rolled.notify_all()
        return not is_closing

    def _wait_for_work(self) -> None:
        """Return when there are records, or a tick, a roll, a close or a look at the disk is due."""
        with self._guard:
            if not self._buffer and not self._is_asked():
                self._wanted = 1
                until_tick_s = (self._next_tick - self._clock.now_us()) / US_PER_S
                self._wake.wait(max(0.0, min(until_tick_s, _LOOK_S)))
            company = _NO_ONE_SLEEPS if self._is_fast else self._last_group
            if 0 < len(self._buffer) < company and not self._is_asked():
                self._wanted = company
                self._wake.wait(self._group_wait_s)
            self._wanted = _NO_ONE_SLEEPS

    def _is_early(self) -> bool:
        """Whether acknowledgements may go before their sync: mode fast, and none waits for one longer than it promises."""
        return self._is_fast and self._clock.monotonic_s() - self._synced_up_to_s < _FAST_WINDOW_S

    def _is_asked(self) -> bool:
        """Whether someone waits for a roll or the end."""
        return self._is_closing or self._n_rolls_asked > self._n_rolls_done

    def _commit(self, first_seq: int, entries: list[Entry]) -> None:
        """Make a batch durable, and tell those who wait for it."""
        if not entries:
            return
        self._last_group = len(entries)
        try:
            for last_seq in self._line.commit(first_seq, entries, last_time=self._last_time):
                self._acks.confirm(last_seq)
        except OSError as error:
            self._give_up(error)

    def _roll(self, now: int) -> None:
        """Seal what there is, and beat."""
        self._next_tick = self._tick_after(now)
        try:
            self._line.roll(self._acks.settled + 1, last_time=self._last_time)
        except OSError as error:
            self._give_up(error)
        self._line.beat(now)

    def _give_up(self, error: OSError) -> None:
        """After a failed call: refuse all that is not acknowledged, leave the file to recovery, begin another."""
        self._refuse(_in_words(error))
        self._line.abandon()
        self._mend()

    def _refuse(self, reason: str) -> None:
        """Take no more events, and refuse those that wait."""
        with self._guard:
            self._refusal = reason
            self._buffer, self._buffered_bytes = [], 0
            self._acks.refuse(self._next_seq - 1, reason)

    def _look_at_disk(self) -> None:
        """Every quarter of a second: stop before the disk is full, go on when there is room again."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_at < _LOOK_S:
            return
        self._looked_at = now_s
        try:
            free = self._files.disk_free(self._folder)
        except OSError as error:
            self._refuse(_in_words(error))
            return
        if free < self._config.low_water_bytes:
            least = self._config.low_water_bytes
            self._refuse(f"only {free:,} bytes are free in {self._folder}; expected log.low_water_bytes, {least:,}")
        elif self._refusal is not None:
            self._mend()

    def _mend(self) -> None:
        """Take events again when there is a segment to write them to."""
        if not self._line.is_open:
            try:
                self._line.begin(self._acks.settled + 1)
            except OSError as error:
                self._refuse(_in_words(error))
                return
        with self._guard:
            self._refusal = "it is closed" if self._is_closing else None

    def _begin_line(self) -> Line:
        """Take the writer's lock."""
        try:
            return Line(
                self._folder, self.writer, clock=self._clock, files=self._files, segment_bytes=self._config.segment_bytes
            )
        except OSError as error:
            raise LogUnavailable(_in_words(error)) from error

    def _tick_after(self, now: int) -> int:
        """The next multiple of `seal_after_s` on the clock, the same for all writers of a machine."""
        period = round(self._config.seal_after_s * US_PER_S)
        return (now // period + 1) * period if period else 2**62


def _at(event: Logged, time_us: int) -> Logged:
    """The same event, stamped later."""
    if isinstance(event, Decision):
        return msgspec.structs.replace(event, decided_at=time_us)
    return msgspec.structs.replace(event, received_at=time_us)


def _in_words(error: OSError) -> str:
    """What the system said, with the file when it named one."""
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
