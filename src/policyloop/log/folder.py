"""The log's folder: which segments, heartbeats and locks lie in it, and which segments may be shipped.

Question answered: what is there, who is still writing, and up to when is everything sealed?

    <writer>-<segment:016d>.plog.open   being written, under an exclusive lock while its writer lives
    <writer>-<segment:016d>.plog        sealed: complete, durable, never changed again
    <writer>.beat                       "every record with a time below `time` is in a segment <= `segment`"
    <writer>.lock                       locked as long as the writer lives
    quarantine/                         what was damaged, moved or copied there; never read by the machine
    *.new                               half-made; meaningless after a crash
"""

from __future__ import annotations

import fcntl
import os
import re
from itertools import groupby, takewhile
from pathlib import Path

import msgspec

from policyloop.log.files import Files, replace_whole

QUARANTINE = "quarantine"
_WRITER = r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_WRITER_NAME = re.compile(_WRITER + r"[-.]")
_COPY_NUMBER = re.compile(r"\.\d+$")
_SEGMENT_NAME = re.compile(_WRITER + r"-(\d{16})\.plog(\.open)?")


class SegmentFile(msgspec.Struct, frozen=True, order=True):
    """A segment as its file's name tells it. Sorts by writer, then segment."""

    writer: str
    segment: int
    is_sealed: bool
    path: Path


class Beat(msgspec.Struct, frozen=True):
    """A writer's promise: every record of it with a time below `time` is in a segment <= `segment`."""

    time: int  # microseconds since 1970 UTC
    segment: int  # 0: none yet
    pid: int


def sealed_path(folder: Path, writer: str, segment: int) -> Path:
    """Where a sealed segment lies; while it is open, `.open` follows."""
    return folder / f"{writer}-{segment:016d}.plog"


def open_path(folder: Path, writer: str, segment: int) -> Path:
    """Where a segment lies while it is being written."""
    return folder / f"{writer}-{segment:016d}.plog.open"


def lock_path(folder: Path, writer: str) -> Path:
    """The file that is locked as long as the writer lives."""
    return folder / f"{writer}.lock"


def beat_path(folder: Path, writer: str) -> Path:
    """The writer's heartbeat."""
    return folder / f"{writer}.beat"


def writer_of(path: Path) -> str | None:
    """The writer that a file's name begins with, or None when it is not one of the log's files."""
    match = _WRITER_NAME.match(path.name)
    return match.group(1) if match else None


def segment_file(path: Path) -> SegmentFile | None:
    """What the name says, or None when it is not the name of a segment."""
    match = _SEGMENT_NAME.fullmatch(path.name)
    if match is None:
        return None
    writer, segment, is_open = match.groups()
    return SegmentFile(writer, int(segment), is_open is None, path)


def segments(folder: Path) -> list[SegmentFile]:
    """All segments of a folder in (writer, segment) order; none when there is no such folder."""
    if not folder.is_dir():
        return []
    found = (segment_file(path) for path in folder.iterdir())
    return sorted(file for file in found if file is not None)


def quarantined(folder: Path) -> list[SegmentFile]:
    """The segments in quarantine, as their names tell them; a name that was taken there has a number behind it."""
    place = folder / QUARANTINE
    named = {path: segment_file(path.with_name(_COPY_NUMBER.sub("", path.name))) for path in sorted(place.glob("*"))}
    return [msgspec.structs.replace(file, path=path) for path, file in named.items() if file is not None]


def shippable(folder: Path) -> list[SegmentFile]:
    """The sealed segments that may enter the lake now, in (writer, segment) order.

    The lake takes a writer's segments in rising order and skips what is not newer. So a writer's line stops before its
    first open segment, even when later ones are sealed already: one that was given up after a failed write waits for
    its recovery. A listing may miss a file that is renamed meanwhile; each is renamed once, so two listings miss none.
    """
    seen = {(file.writer, file.segment, file.is_sealed): file for file in [*segments(folder), *segments(folder)]}
    current = [file for file in seen.values() if file.is_sealed or (file.writer, file.segment, True) not in seen]
    ready: list[SegmentFile] = []
    for _, line in groupby(sorted(current), key=lambda file: file.writer):
        ready.extend(takewhile(lambda file: file.is_sealed, line))
    return ready


def is_locked(path: Path) -> bool:
    """Whether a living process holds the file's lock; False when there is no such file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def beats(folder: Path) -> dict[str, Beat]:
    """The heartbeat of every living writer; one that has not beaten yet promises nothing (time 0).

    Read them before the segments are listed: what a beat promises is sealed by then.
    """
    living: dict[str, Beat] = {}
    for path in folder.glob("*.lock"):
        if is_locked(path):
            living[path.stem] = read_beat(folder, path.stem) or Beat(time=0, segment=0, pid=0)
    return living


def read_beat(folder: Path, writer: str) -> Beat | None:
    """A writer's last heartbeat, or None when there is none."""
    try:
        return msgspec.json.decode(beat_path(folder, writer).read_bytes(), type=Beat)
    except (FileNotFoundError, msgspec.MsgspecError):  # a power cut may leave an empty file: beats are not made durable
        return None


def write_beat(files: Files, folder: Path, writer: str, beat: Beat) -> None:
    """Replace a writer's heartbeat."""
    replace_whole(files, beat_path(folder, writer), msgspec.json.encode(beat))
