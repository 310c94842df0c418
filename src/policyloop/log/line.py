"""One writer's line of segments: which is open, when the next begins, and the promises made about them to others.

Question answered: where does the next commit group go, and what has been sealed so far?
One thread uses it. Any call may raise OSError; then nothing more is written to the open segment, and `abandon` follows.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from policyloop.core.clock import Clock
from policyloop.log import folder as log_folder
from policyloop.log.files import Files
from policyloop.log.folder import Beat
from policyloop.log.open_segment import OpenSegment
from policyloop.log.segment import Entry, Header, frame_bytes


class Line:
    """The segments of one writer in a log folder, from taking its lock to giving it back."""

    def __init__(self, folder: Path, writer: str, *, clock: Clock, files: Files, segment_bytes: int) -> None:
        self._folder = folder
        self._writer = writer
        self._clock = clock
        self._files = files
        self._segment_bytes = segment_bytes
        self._segment: OpenSegment | None = None
        self._n_begun = 0
        self._lock_fd = self._take_lock()

    @property
    def is_open(self) -> bool:
        """Whether there is a segment to write to."""
        return self._segment is not None

    def begin(self, next_seq: int) -> None:
        """Open the next segment. Its number is used up only when that worked: the numbers have no holes."""
        header = Header(self._writer, self._n_begun + 1, next_seq, self._clock.now_us())
        self._segment = OpenSegment(self._folder, header, files=self._files, max_bytes=self._segment_bytes)
        self._n_begun += 1

    def commit(self, first_seq: int, entries: Sequence[Entry], *, last_time: int) -> Iterator[int]:
        """Make a batch durable in as few groups as the segments' size allows; yields the last seq of each when it is."""
        start = 0
        while start < len(entries):
            assert self._segment is not None, "nothing is committed while no segment is open"
            n = _how_many_fit(self._segment, entries, start)
            if n == 0:
                self.roll(first_seq + start, last_time=last_time)
                continue
            self._segment.commit(first_seq + start, entries[start : start + n])
            start += n
            yield first_seq + start - 1

    def roll(self, next_seq: int, *, last_time: int) -> None:
        """Seal the open segment when it holds records, and begin another."""
        if self._segment is not None and self._segment.n_records:
            self._segment.seal(next_seq, last_time=last_time)
            self._segment = None
            self.begin(next_seq)

    def abandon(self) -> None:
        """Leave the open segment to recovery. Never raises."""
        if self._segment is not None:
            self._segment.abandon()
            self._segment = None

    def beat(self, now: int) -> None:
        """Say that every record from before `now` is in a finished segment. One that fails only delays the watermark."""
        n_finished = self._n_begun - self.is_open
        with suppress(OSError):
            beat = Beat(time=now, segment=n_finished, pid=os.getpid())
            log_folder.write_beat(self._files, self._folder, self._writer, beat)

    def end(self, next_seq: int, *, last_time: int) -> None:
        """Seal or remove the open segment, and take heartbeat and lock away. Never raises: recovery does what is left."""
        try:
            if self._segment is not None and self._segment.n_records:
                self._segment.seal(next_seq, last_time=last_time)
            elif self._segment is not None:
                self._segment.remove()
            self._segment = None
        except OSError:
            self.abandon()
        for path in (log_folder.beat_path(self._folder, self._writer), log_folder.lock_path(self._folder, self._writer)):
            with suppress(OSError):
                self._files.unlink(path)
        with suppress(OSError):
            self._files.close(self._lock_fd)

    def _take_lock(self) -> int:
        """Make the file whose lock says that this writer lives.

        Two writers of one name would write over each other's segments: the second is refused.
        """
        path = log_folder.lock_path(self._folder, self._writer)
        new = path.with_name(path.name + ".new")
        self._folder.mkdir(parents=True, exist_ok=True)
        fd = self._files.create(new)
        # Locked before it has its name, so that no one ever finds it unlocked.
        if not self._files.lock(fd) or path.exists():
            self._files.close(fd)
            raise FileExistsError(errno.EEXIST, "a writer of this name is there already", str(path))
        self._files.rename(new, path)
        return fd


def _how_many_fit(segment: OpenSegment, entries: Sequence[Entry], start: int) -> int:
    """How many entries from `start` on the segment takes before it is full. An empty one takes the first, however large."""
    n_bytes = 0
    for n, (_, _, payload) in enumerate(entries[start:]):
        n_bytes += frame_bytes(len(payload))
        if not segment.fits(n_bytes) and (n or segment.n_records):
            return n
    return len(entries) - start
