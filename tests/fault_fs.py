"""File systems that fail on purpose: one whose power can be cut after any call, and one whose calls return errors."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from policyloop.log.files import SystemFiles

SECTOR_BYTES = 512
Survives = Literal["nothing", "everything", "a part"]


class HastyFiles(SystemFiles):
    """The machine's files without waiting for the disk, for tests that cut no power."""

    def fdatasync(self, fd: int) -> None:
        pass

    def fsync_dir(self, folder: Path) -> None:
        pass


class FailingFiles(SystemFiles):
    """The machine's files, of which chosen calls raise chosen errors."""

    def __init__(self, *, free_bytes: int = 2**40) -> None:
        self.free_bytes = free_bytes
        self._failures: dict[str, list[int | None]] = {}
        self._for_ever: dict[str, int] = {}

    def fail(self, call: str, number: int, *, after: int = 0) -> None:
        """Let `call` fail once with that errno, after it has worked `after` times."""
        self._failures[call] = [None] * after + [number]

    def break_for_good(self, call: str, number: int) -> None:
        """Let `call` fail until `mend`."""
        self._for_ever[call] = number

    def mend(self) -> None:
        """Nothing fails any more."""
        self._failures.clear()
        self._for_ever.clear()

    def _meet(self, call: str) -> None:
        queue = self._failures.get(call)
        number = queue.pop(0) if queue else self._for_ever.get(call)
        if number is not None:
            raise OSError(number, os.strerror(number))

    def create(self, path: Path) -> int:
        self._meet("create")
        return super().create(path)

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        if self._for_ever.get("pwrite") == errno.ENOSPC:
            super().pwrite(fd, data[: len(data) // 2], offset)  # a full disk takes a part first
        self._meet("pwrite")
        super().pwrite(fd, data, offset)

    def fallocate(self, fd: int, offset: int, size: int) -> None:
        self._meet("fallocate")
        super().fallocate(fd, offset, size)

    def truncate(self, fd: int, size: int) -> None:
        self._meet("truncate")
        super().truncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        self._meet("fdatasync")
        super().fdatasync(fd)

    def rename(self, source: Path, target: Path) -> None:
        self._meet("rename")
        super().rename(source, target)

    def fsync_dir(self, folder: Path) -> None:
        self._meet("fsync_dir")
        super().fsync_dir(folder)

    def disk_free(self, folder: Path) -> int:
        return self.free_bytes


@dataclass(frozen=True)
class Call:
    """One call as it was made; `note` entries are the script's own, such as an acknowledgement."""

    name: str
    arguments: tuple[Any, ...]


class FaultFS(SystemFiles):
    """The machine's files, with a journal of every changing call, from which the disk after a power cut can be made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal: list[Call] = []
        self._n_inodes = 0
        self._inode_of_fd: dict[int, int] = {}
        self._inode_of_name: dict[str, int] = {}
        for path in sorted(folder.glob("*")):
            if path.is_file():
                self._n_inodes += 1
                self._inode_of_name[path.name] = self._n_inodes
                self.journal.append(Call("existing", (self._n_inodes, path.name, path.read_bytes())))
        self.n_existing = len(self.journal)

    def note(self, fact: Any) -> None:
        """Put a fact between the calls."""
        self.journal.append(Call("note", (fact,)))

    def create(self, path: Path) -> int:
        self._n_inodes += 1
        self._inode_of_name[path.name] = self._n_inodes
        self.journal.append(Call("create", (self._n_inodes, path.name)))
        path.unlink(missing_ok=True)  # as another inode, also where a half-made file is in the way
        fd = super().create(path)
        self._inode_of_fd[fd] = self._n_inodes
        return fd

    def open(self, path: Path) -> int:
        fd = super().open(path)
        self._inode_of_fd[fd] = self._inode_of_name[path.name]
        return fd

    def pwrite(self, fd: int, data: bytes, offset: int) -> None:
        self.journal.append(Call("pwrite", (self._inode_of_fd[fd], data, offset)))
        super().pwrite(fd, data, offset)

    def fallocate(self, fd: int, offset: int, size: int) -> None:
        self.journal.append(Call("fallocate", (self._inode_of_fd[fd], offset, size)))
        super().fallocate(fd, offset, size)

    def truncate(self, fd: int, size: int) -> None:
        self.journal.append(Call("truncate", (self._inode_of_fd[fd], size)))
        super().truncate(fd, size)

    def fdatasync(self, fd: int) -> None:
        self.journal.append(Call("fdatasync", (self._inode_of_fd[fd],)))

    def rename(self, source: Path, target: Path) -> None:
        self._inode_of_name[target.name] = self._inode_of_name.pop(source.name)
        self.journal.append(Call("rename", (source.name, target.name)))
        super().rename(source, target)

    def unlink(self, path: Path) -> None:
        super().unlink(path)
        self._inode_of_name.pop(path.name)
        self.journal.append(Call("unlink", (path.name,)))

    def fsync_dir(self, folder: Path) -> None:
        self.journal.append(Call("fsync_dir", ()))

    def disk_free(self, folder: Path) -> int:
        return 2**40


@dataclass
class Inode:
    """A file's bytes on the disk, and what was written to it since its last sync."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)


class Disk:
    """What is on the disk for sure, and what might be, as a journal is walked."""

    def __init__(self) -> None:
        self.notes: list[Any] = []
        self._inodes: dict[int, Inode] = {}
        self._names: dict[str, int] = {}
        self._pending_names: list[Call] = []

    def apply(self, call: Call) -> None:
        """Take one more call of the journal."""
        if call.name == "note":
            self.notes.append(call.arguments[0])
        elif call.name == "existing":
            number, name, data = call.arguments
            self._inodes[number] = Inode(bytearray(data))
            self._names[name] = number
        elif call.name == "create":
            self._inodes[call.arguments[0]] = Inode()
            self._pending_names.append(call)
        elif call.name in ("rename", "unlink"):
            self._pending_names.append(call)
        elif call.name == "fsync_dir":
            self._names = self._names_after(len(self._pending_names))
            self._pending_names.clear()
        elif call.name == "fdatasync":
            inode = self._inodes[call.arguments[0]]
            inode.durable = _written(inode, lambda: True)
            inode.pending.clear()
        else:
            self._inodes[call.arguments[0]].pending.append(call)

    def cut(self, survives: Survives, rng: random.Random) -> dict[str, bytes]:
        """The files found after a power cut now. With `a part`, any sectors of any un-synced writes are there, whatever
        their order, and the folder's changes up to any one of them."""
        chance = {"nothing": 0.0, "everything": 1.0, "a part": 0.5}[survives]
        n_pending = len(self._pending_names)
        n_names = {"nothing": 0, "everything": n_pending, "a part": rng.randint(0, n_pending)}[survives]
        names = self._names_after(n_names)
        return {name: bytes(_written(self._inodes[number], lambda: rng.random() < chance)) for name, number in names.items()}

    def _names_after(self, n_changes: int) -> dict[str, int]:
        names = dict(self._names)
        for call in self._pending_names[:n_changes]:
            if call.name == "create":
                names[call.arguments[1]] = call.arguments[0]
            elif call.name == "rename":
                names[call.arguments[1]] = names.pop(call.arguments[0])
            else:
                names.pop(call.arguments[0])
        return names


def put(files: dict[str, bytes], folder: Path) -> Path:
    """Make a folder of those files."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def _written(inode: Inode, survives: Callable[[], bool]) -> bytearray:
    """The file's bytes when each pending sector and size change survives or not."""
    data = bytearray(inode.durable)
    for call in inode.pending:
        if call.name == "truncate":
            if survives():
                size = call.arguments[1]
                data = data[:size].ljust(size, b"\0")
        elif call.name == "fallocate":
            if survives():
                data = data.ljust(call.arguments[1] + call.arguments[2], b"\0")
        else:
            _, written, offset = call.arguments
            _write_sectors(data, written, offset, survives)
    return data


def _write_sectors(data: bytearray, written: bytes, offset: int, survives: Callable[[], bool]) -> None:
    """Those sectors of one write that survive."""
    start = offset
    end = offset + len(written)
    while start < end:
        stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
        if survives():
            if len(data) < stop:
                data.extend(bytes(stop - len(data)))
            data[start:stop] = written[start - offset : stop - offset]
        start = stop
