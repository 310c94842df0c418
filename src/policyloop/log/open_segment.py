"""A segment while it is being written: made, extended, committed to in groups, sealed or given up.

Question answered: in which order must the calls go, so that what was acknowledged survives a power cut at any of them?
It appears under its name with a durable header and locked. Space is written with zeros ahead of the records, because a
sync that also has to record new blocks takes several times as long. One thread uses it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from policyloop.log import folder as log_folder
from policyloop.log import segment
from policyloop.log.files import Files
from policyloop.log.segment import Entry, Header, Seal

_ZERO_AHEAD_BYTES = 2**20  # more at once would make many small segments dear


class OpenSegment:
    """One `.open` file and its place in it. Any call may raise OSError; only `abandon` may follow then."""

    def __init__(self, folder: Path, header: Header, *, files: Files, max_bytes: int) -> None:
        self.header = header
        self.n_records = 0
        self._folder = folder
        self._files = files
        self._max_bytes = max_bytes
        self._path = log_folder.open_path(folder, header.writer, header.segment)
        self._seed = segment.seed_of(header.writer, header.segment)
        self._end = segment.HEADER_BYTES
        self._durable = segment.HEADER_BYTES
        self._zeroed = 0
        self._fd = self._create()

    def fits(self, n_bytes: int) -> bool:
        """Whether that much more, and the seal, stays below the size limit."""
        return self._end + n_bytes + segment.SEAL_BYTES <= self._max_bytes

    def commit(self, first_seq: int, entries: Sequence[Entry]) -> None:
        """Write one commit group; it is durable on return."""
        data = segment.encode_group(self._seed, first_seq, entries, durable_offset=self._durable)
        self._extend(self._end + len(data) + segment.SEAL_BYTES)
        self._files.pwrite(self._fd, data, self._end)
        self._files.fdatasync(self._fd)
        self._end += len(data)
        self._durable = self._end
        self.n_records += len(entries)

    def seal(self, next_seq: int, *, last_time: int) -> None:
        """End the segment: from now on it has its sealed name and is never changed again."""
        seal = Seal(self.n_records, last_time)
        data = segment.encode_seal(self._seed, next_seq, seal, durable_offset=self._durable)
        self._files.pwrite(self._fd, data, self._end)
        self._files.truncate(self._fd, self._end + len(data))
        self._files.fdatasync(self._fd)
        self._durable = self._end + len(data)
        self._files.rename(self._path, log_folder.sealed_path(self._folder, self.header.writer, self.header.segment))
        self._files.fsync_dir(self._folder)
        self._files.close(self._fd)

    def remove(self) -> None:
        """Take away a segment that never held a record."""
        assert self.n_records == 0, "a segment with records is sealed, not removed"
        self._files.unlink(self._path)
        self._files.close(self._fd)

    def abandon(self) -> None:
        """Close after a failed call, without another sync of this descriptor: its answer would mean nothing.

        The file keeps its open name, so that recovery seals what was durable in it.
        """
        with suppress(OSError):  # else recovery may find records that were refused; that is allowed, only untidy
            self._files.truncate(self._fd, self._durable)
        with suppress(OSError):
            self._files.close(self._fd)

    def _create(self) -> int:
        """Make the file under a passing name; it gets its own when its header is durable and its lock is held."""
        new = self._path.with_name(self._path.name + ".new")
        fd = self._files.create(new)
        try:
            self._files.lock(fd)
            self._files.pwrite(fd, segment.encode_header(self.header), 0)
            self._zero(fd, segment.HEADER_BYTES, self._ahead_of(segment.HEADER_BYTES))
            self._files.fdatasync(fd)
            self._files.rename(new, self._path)
            self._files.fsync_dir(self._folder)
        except OSError:
            for name in (new, self._path):  # before the lock goes, so that recovery never meets a name that comes again
                with suppress(OSError):
                    self._files.unlink(name)
            with suppress(OSError):
                self._files.close(fd)
            raise
        return fd

    def _ahead_of(self, end: int) -> int:
        """How far the file should be zeroed when records are to reach `end`."""
        return max(end, min(end + _ZERO_AHEAD_BYTES, self._max_bytes))

    def _extend(self, end: int) -> None:
        """Zero further when a group would reach beyond what is zeroed; the group's own sync makes it durable."""
        if end > self._zeroed:
            self._zero(self._fd, self._zeroed, self._ahead_of(end))

    def _zero(self, fd: int, start: int, end: int) -> None:
        """Reserve and zero a range."""
        self._files.fallocate(fd, start, end - start)
        self._files.pwrite(fd, bytes(end - start), start)
        self._zeroed = end
