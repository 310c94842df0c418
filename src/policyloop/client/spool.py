"""The spool: reports that the server could not take, kept on disk until it has.

Question answered: what is still to be sent, in order, whatever crashed meanwhile? Reports are appended as lines of
JSON and fsynced. A sender claims the oldest file by renaming it, and deletes it when every line was taken, so a crash
in between sends lines again, which their ids make harmless. Lines that the server refuses are set aside with the
reason, never tried again. Several processes may share one spool: a lock guards each change of its files.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .body import encode
from .errors import SpoolFull

try:
    import fcntl
except ImportError:  # pragma: no cover - a system without POSIX file locks; all but the spool works there
    fcntl = None  # type: ignore[assignment]

Row = Mapping[str, Any]

SEGMENT_BYTES = 256 * 2**10  # a file is closed beyond this; also the most that is sent again after a crash
REFUSED_BYTES = 8 * 2**20  # of reports set aside; beyond this the older half is forgotten
REFUSED = "refused.jsonl"
_TORN = "it is not whole: the process or the machine stopped while it was written"


class Spool:
    """A folder of reports waiting to be sent. Safe to share between threads and processes."""

    def __init__(self, folder: str | os.PathLike[str], *, max_bytes: int) -> None:
        if fcntl is None:  # pragma: no cover
            raise OSError("the spool needs POSIX file locks, which this system lacks; leave `spool` out.")
        self.folder = Path(folder)
        self._max_bytes = max_bytes
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._files()

    def append(self, rows: Sequence[Row]) -> None:
        """Keep the rows; when this returns they are on disk.

        Raises:
            SpoolFull: they would exceed the spool's size, or the disk does not take them; none of them is kept for sure.
        """
        data = b"".join(encode(row) + b"\n" for row in rows)
        try:
            with self._locked():
                self._check_room(len(data))
                self._write(self._file_to_append_to(), data)
        except OSError as error:
            raise SpoolFull(f"the spool {self.folder} cannot be written: {error}. The report was not kept.") from error

    def claim(self) -> Claimed | None:
        """The oldest file's rows, to be sent; None when nothing waits or another sender is at work.

        Until the claim is released no other sender takes anything. What was not settled by then is sent again.
        """
        handle = self._open_lock("replay.lock")
        claimed = None
        try:
            file = self._claim_oldest() if _is_locked(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) else None
            if file is not None:
                claimed = Claimed(file, *_read(file.read_bytes()), handle=handle)
            return claimed
        finally:
            if claimed is None:
                os.close(handle)

    def settle(self, claimed: Claimed, reasons: Sequence[str | None]) -> None:
        """Take the claimed rows out; per row None when it was taken, else why it never will be, which is set aside."""
        refused = [({"row": row}, reason) for row, reason in zip(claimed.rows, reasons) if reason is not None]  # noqa: B905 - 3.9
        aside = [*claimed.torn, *refused]
        if aside:
            self._set_aside([{**what, "reason": reason} for what, reason in aside])
        with self._locked():  # appenders add up the sizes of what they see
            claimed.file.unlink()

    def _files(self) -> list[Path]:
        """What waits, oldest first; `.sending` is claimed by a sender, alive or dead."""
        return sorted(
            f for f in self.folder.iterdir() if f.suffix in (".jsonl", ".sending") and f.name != REFUSED and f.stem.isdecimal()
        )

    def _check_room(self, n_bytes: int) -> None:
        used = sum(f.stat().st_size for f in self._files())
        if used + n_bytes > self._max_bytes:
            raise SpoolFull(
                f"the spool {self.folder} holds {used:,} bytes and may hold {self._max_bytes:,}; expected the server to take "
                f"reports again before it is full. The report was not kept."
            )

    def _file_to_append_to(self) -> Path:
        files = self._files()
        if files and files[-1].suffix == ".jsonl" and files[-1].stat().st_size < SEGMENT_BYTES:
            return files[-1]
        number = int(files[-1].stem) + 1 if files else 1
        return self.folder / f"{number:016d}.jsonl"

    def _write(self, file: Path, data: bytes) -> None:
        """Append and fsync; a write that fails half-way is taken back."""
        is_new = not file.exists()
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            is_torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            whole = b"\n" + data if is_torn else data  # a torn line before us ends here, alone
            try:
                if os.pwrite(handle, whole, size) != len(whole):
                    raise OSError("the disk took only a part of it")
                os.fsync(handle)
            except OSError:
                os.ftruncate(handle, size)
                raise
        finally:
            os.close(handle)
        if is_new:
            _sync_folder(self.folder)

    def _claim_oldest(self) -> Path | None:
        """The oldest file, closed to appenders; None when nothing waits. One that a dead sender claimed comes first."""
        with self._locked():
            files = self._files()
            if not files:
                return None
            claimed = files[0].with_suffix(".sending")
            if files[0] != claimed:
                files[0].rename(claimed)
            return claimed

    def _set_aside(self, entries: Sequence[Row]) -> None:
        file = self.folder / REFUSED
        if file.exists() and file.stat().st_size > REFUSED_BYTES // 2:
            file.replace(file.with_name("refused.old.jsonl"))
        self._write(file, b"".join(encode(entry) + b"\n" for entry in entries))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock that guards each change of the files."""
        handle = self._open_lock("lock")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)  # which gives the lock back

    def _open_lock(self, name: str) -> int:
        return os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class Claimed:
    """What one sender holds: a file's rows, and the lock that keeps other senders away."""

    def __init__(self, file: Path, rows: list[Row], torn: list[tuple[Row, str]], *, handle: int) -> None:
        self.file = file
        self.rows = rows
        self.torn = torn  # lines that are no rows, and why
        self._handle: int | None = handle

    def release(self) -> None:
        """Let the next sender have its turn."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)

    def __del__(self) -> None:
        self.release()  # a task that was cancelled while it waited for the claim never saw it


def _read(data: bytes) -> tuple[list[Row], list[tuple[Row, str]]]:
    """The rows of a file, and its lines that are none."""
    rows: list[Row] = []
    bad: list[tuple[Row, str]] = []
    for line in data.split(b"\n"):
        if not line:
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
        else:
            bad.append(({"line": line.decode("utf-8", "replace")}, _TORN))
    return rows, bad


def _is_locked(handle: int, operation: int) -> bool:
    """Take the lock, or say that another holds it."""
    try:
        fcntl.flock(handle, operation)
    except BlockingIOError:
        return False
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
