"""What the log asks of a file system, in so few calls that each can be made to fail in a test.

Question answered: which calls stand between an event and the disk?
Source of the rules kept by the callers: PostgreSQL (after a failed fsync the same descriptor is never tried again).
"""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path
from typing import Protocol


class Files(Protocol):
    """The calls. Each raises OSError as the system does; nothing is retried here."""

    def create(self, path: Path) -> int:
        """A descriptor of a new, empty file that only its owner may read; one of that name is emptied."""
        ...

    def open(self, path: Path) -> int:
        """A descriptor of an existing file, for reading and writing."""
        ...

    def lock(self, fd: int) -> bool:
        """Take the file's exclusive lock without waiting; False when someone else holds it."""
        ...

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`."""
        ...

    def fallocate(self, fd: int, offset: int, size: int) -> None:
        """Reserve blocks for that range, so that a full disk shows now; does nothing where that is not possible."""
        ...

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        ...

    def fdatasync(self, fd: int) -> None:
        """Return when all that was written to the file is on the disk."""
        ...

    def close(self, fd: int) -> None:
        """Give the descriptor, and with it the lock, back."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its new name, replacing one of that name, in one step."""
        ...

    def unlink(self, path: Path) -> None:
        """Remove a name."""
        ...

    def fsync_dir(self, folder: Path) -> None:
        """Return when the folder's names are on the disk."""
        ...

    def disk_free(self, folder: Path) -> int:
        """Bytes that this user may still write on the folder's disk."""
        ...


class SystemFiles:
    """The machine's own files."""

    def create(self, path: Path) -> int:
        """See `Files`."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)

    def open(self, path: Path) -> int:
        """See `Files`."""
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def lock(self, fd: int) -> bool:
        """See `Files`."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        """See `Files`."""
        n_written = os.pwrite(fd, data, offset)
        while n_written < len(data):  # a disk that is nearly full, or a file size limit, writes a part first
            n_written += os.pwrite(fd, data[n_written:], offset + n_written)

    def fallocate(self, fd: int, offset: int, size: int) -> None:
        """See `Files`."""
        if sys.platform == "linux":
            os.posix_fallocate(fd, offset, size)

    def truncate(self, fd: int, size: int) -> None:
        """See `Files`."""
        os.ftruncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        """See `Files`."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # its fsync leaves the data in the drive's cache
        else:
            os.fdatasync(fd)

    def close(self, fd: int) -> None:
        """See `Files`."""
        os.close(fd)

    def rename(self, source: Path, target: Path) -> None:
        """See `Files`."""
        source.replace(target)

    def unlink(self, path: Path) -> None:
        """See `Files`."""
        path.unlink()

    def fsync_dir(self, folder: Path) -> None:
        """See `Files`."""
        fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def disk_free(self, folder: Path) -> int:
        """See `Files`."""
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize


def replace_whole(files: Files, path: Path, data: bytes) -> None:
    """Put `data` under `path` so that a reader sees the old or the new file, never a part. Not made durable."""
    new = path.with_name(path.name + ".new")
    fd = files.create(new)
    try:
        files.pwrite(fd, data, 0)
    finally:
        files.close(fd)
    files.rename(new, path)
