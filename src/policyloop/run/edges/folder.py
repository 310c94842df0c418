"""The folder of a decider at the edge: what it holds, in which format, and the key of its draw.

Question answered: may this version go on with what lies here? `edge.json` is written once, before anything else. A folder
of another format is left as it is. The salt stays with the folder, so that a decision that is asked for again after a
restart gets the same draw, and so that whoever has the folder can replay what was drawn.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from policyloop import __version__
from policyloop.core.errors import BadSetting, OtherVersion
from policyloop.core.rng import new_salt
from policyloop.log import folder as log_folder
from policyloop.log.files import SystemFiles

FORMAT = 1
MARK = "edge.json"
Holds = Literal["log", "spool"]


class _Mark(msgspec.Struct, frozen=True):
    """What `edge.json` says; keys of later versions are left out of account while the format is ours."""

    format: int
    holds: Holds
    code: str  # version that made the folder
    salt: str  # hex


class _AnyMark(msgspec.Struct, frozen=True):
    """The part of it that every version has."""

    format: int
    code: str = "unknown"


@dataclass(frozen=True, slots=True)
class EdgeFolder:
    """An opened folder."""

    path: Path
    salt: bytes


def open_folder(path: Path, *, holds: Holds) -> EdgeFolder:
    """The folder, made where there is none.

    Raises:
        OtherVersion: another version wrote it, in a format that is not ours.
        BadSetting: there can be no folder at that place, or it holds something else.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mark = read_mark(path) or _made(path, holds)
    except OSError as error:
        raise BadSetting(f"'{path}' cannot be the folder of a {holds}: {error.strerror}; expected one to write to.") from error
    if mark.holds != holds:
        raise BadSetting(f"'{path}' holds the {mark.holds} of a decider; expected a folder of its own for a {holds}.")
    return EdgeFolder(path, bytes.fromhex(mark.salt))


def read_mark(path: Path) -> _Mark | None:
    """What the folder says of itself; None where it says nothing.

    Raises:
        OtherVersion: its format is not ours.
        BadSetting: what it says cannot be read.
    """
    try:
        data = (path / MARK).read_bytes()
    except FileNotFoundError:
        return None
    try:
        said = msgspec.json.decode(data, type=_AnyMark)
        if said.format != FORMAT:
            raise OtherVersion(f"'{path}'", written=said.format, read=FORMAT, by=said.code)
        mark = msgspec.json.decode(data, type=_Mark)
        bytes.fromhex(mark.salt)
    except (msgspec.MsgspecError, ValueError) as error:
        if isinstance(error, OtherVersion):
            raise
        raise BadSetting(
            f"'{path / MARK}' cannot be read: {error}; expected what was written when the folder was made. Restore it, or "
            f"name another folder; nothing here was changed."
        ) from None
    return mark


def _made(path: Path, holds: Holds) -> _Mark:
    """Mark the folder, unless another process does so at the same moment."""
    if log_folder.segments(path):
        raise BadSetting(f"'{path}' holds segments of a deployment's log; expected a folder of its own for a decider.")
    files = SystemFiles()
    new = path / f"{MARK}.{os.getpid()}.new"
    fd = files.create(new)
    try:
        mark = _Mark(format=FORMAT, holds=holds, code=__version__, salt=new_salt().hex())
        files.pwrite(fd, msgspec.json.encode(mark), 0)
        files.fdatasync(fd)
    finally:
        files.close(fd)
    with suppress(FileExistsError):
        os.link(new, path / MARK)  # of two that try, one gets through
    new.unlink()
    files.fsync_dir(path)
    found = read_mark(path)
    assert found is not None, "it was written a moment ago"
    return found
