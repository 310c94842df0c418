"""After a crash: segments that their writers left open are sealed, up to the last record that is whole.

Question answered: what did a dead writer leave, and how does it enter the lake?
A segment is dead when its lock is free. Nothing that was acknowledged is dropped, and nothing is ever deleted but a
torn tail, which no one was promised; what cannot be read is moved to the quarantine folder, with its reason.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from policyloop.log import folder as log_folder
from policyloop.log import segment
from policyloop.log.files import Files
from policyloop.log.folder import SegmentFile
from policyloop.log.replay import last_time_in, read_segment
from policyloop.log.segment import BadHeader, Damage, Scan, Seal


class Recovery(msgspec.Struct, frozen=True):
    """What became of one dead writer's segment."""

    path: Path  # sealed, or in quarantine, or left where it was
    n_records: int
    damages: list[Damage]
    refusal: str | None = None  # why it was not sealed


def recover(folder: Path, *, files: Files) -> list[Recovery]:
    """Seal every segment in the folder whose writer is dead, and take away what else dead writers left.

    Safe to run at any time, by several processes, and again after a crash of its own.
    """
    done: list[Recovery] = []
    for file in log_folder.segments(folder):
        if not file.is_sealed:
            done.extend(_recover_segment(folder, file, files))
    _forget_dead_writers(folder, files)
    return done


def quarantine(path: Path, *, files: Files) -> Path:
    """Keep a durable copy of a damaged file in the quarantine folder; the original stays. Returns where the copy is."""
    target = _free_name(path)
    shutil.copyfile(path, target)
    fd = files.open(target)
    try:
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.fsync_dir(target.parent)
    return target


def set_aside(path: Path, *, files: Files) -> Path:
    """Move a file that is of no use to the machine into the quarantine folder. Returns where it is now."""
    target = _free_name(path)
    files.rename(path, target)
    files.fsync_dir(target.parent)
    files.fsync_dir(path.parent)
    return target


def _recover_segment(folder: Path, file: SegmentFile, files: Files) -> list[Recovery]:
    """Seal one open segment when its lock is free; nothing when someone holds it or it is gone."""
    try:
        fd = files.open(file.path)
    except FileNotFoundError:
        return []
    try:
        if not files.lock(fd) or not _is_same(fd, file.path):
            return []
        try:
            found = read_segment(file)
        except BadHeader as error:
            return [_refuse(file, error, files)]
        _seal(fd, found, file, files)
    finally:
        files.close(fd)
    return [Recovery(log_folder.sealed_path(folder, file.writer, file.segment), len(found.records), found.damages)]


def _seal(fd: int, found: Scan, file: SegmentFile, files: Files) -> None:
    """Cut the torn tail, make the rest durable, end it with a seal, and give it its sealed name."""
    data = file.path.read_bytes()
    # What is in the page cache need not be on the disk, not even after a sync: a failed one marks it as clean.
    # So all that the writer did not know to be durable is written again.
    start = min(found.durable_offset, found.end)
    files.pwrite(fd, data[start : found.end], start)
    files.truncate(fd, found.end)
    files.fdatasync(fd)

    header = found.header
    next_seq = found.records[-1].seq + 1 if found.records else header.first_seq
    seal = Seal(len(found.records), last_time_in(found))
    seed = segment.seed_of(header.writer, header.segment)
    end = found.end
    if found.seal is None:
        frame = segment.encode_seal(seed, next_seq, seal, durable_offset=end)
        files.pwrite(fd, frame, end)
        files.fdatasync(fd)
    sealed = log_folder.sealed_path(file.path.parent, file.writer, file.segment)
    files.rename(file.path, sealed)
    files.fsync_dir(sealed.parent)


def _refuse(file: SegmentFile, error: BadHeader, files: Files) -> Recovery:
    """What to do with an open segment whose header cannot be read."""
    if error.kind == "newer_format":  # its own version may still recover it
        return Recovery(file.path, 0, [], error.message)
    return Recovery(set_aside(file.path, files=files), 0, [], error.message)


def _forget_dead_writers(folder: Path, files: Files) -> None:
    """Remove locks, heartbeats and half-made files of writers that are dead and have no open segment left.

    A `.lock.new` is left: its writer may be taking the lock just now. It is empty.
    """
    busy = {file.writer for file in log_folder.segments(folder) if not file.is_sealed}
    left = [*folder.glob("*.new"), *folder.glob("*.beat"), *folder.glob("*.lock")]  # a lock goes after what it guards
    for path in left:
        writer = log_folder.writer_of(path)
        if writer is None or writer in busy or path.name.endswith(".lock.new"):
            continue
        if not log_folder.is_locked(log_folder.lock_path(folder, writer)):
            with suppress(FileNotFoundError):
                files.unlink(path)


def _is_same(fd: int, path: Path) -> bool:
    """Whether the name still belongs to the open file; it may have been sealed between opening and locking."""
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def _free_name(path: Path) -> Path:
    """A name in the quarantine folder beside the file that nothing has yet."""
    place = path.parent / log_folder.QUARANTINE
    place.mkdir(exist_ok=True)
    target = place / path.name
    n = 1
    while target.exists():
        n += 1
        target = place / f"{path.name}.{n}"
    return target
