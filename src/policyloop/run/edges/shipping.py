"""Shipping: segments that a decider at the edge wrote enter the deployment's log, each once.

Question answered: which of these segments are new here, and may they come in? A segment is copied, made durable, written
down as taken, and only then removed from where it came from, so that a crash at any point repeats a step and loses none.
A writer's segments come in without a gap. What cannot come in stays where it is, and the reason is told.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import msgspec
import sqlalchemy as sa

from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.core.event import ActionSet, Decision
from policyloop.log import folder as log_folder
from policyloop.log.files import SystemFiles
from policyloop.log.folder import SegmentFile
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment
from policyloop.log.segment import BadHeader, Scan
from policyloop.registry.registry import Registry
from policyloop.run.deployment import Deployment
from policyloop.run.edges.folder import read_mark
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress

_LOCK = "ship.lock"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came in."""

    n_segments: int = 0
    n_decisions: int = 0
    n_outcomes: int = 0
    n_repeated: int = 0  # segments that had come in before
    left: tuple[str, ...] = ()  # what stays where it is, and why

    def __add__(self, other: Taken) -> Taken:
        return Taken(
            self.n_segments + other.n_segments,
            self.n_decisions + other.n_decisions,
            self.n_outcomes + other.n_outcomes,
            self.n_repeated + other.n_repeated,
            self.left + other.left,
        )


class _Stays(Exception):
    """A segment that cannot come in; the message says why."""


def ship(deployment: Deployment, folder: Path) -> Taken:
    """Bring the sealed segments of an edge's log in, and those of its dead processes; living ones go on undisturbed.

    Args:
        folder: what a decider was given as `log`, or a copy of it.

    Raises:
        OtherVersion: the folder was written in another format; nothing was changed.
        BadSetting: it is no such folder, or it is the deployment's own.
        NothingToDo: it is being shipped by another process.
    """
    log = deployment.home.log
    if not folder.is_dir() or (read_mark(folder) is None and not log_folder.segments(folder)):
        raise BadSetting(f"'{folder}' holds no log of a decider; expected the folder that was given as log=FOLDER.")
    mark = read_mark(folder)
    if mark is not None and mark.holds == "spool":
        raise BadSetting(
            f"'{folder}' is a spool, which its decider delivers by itself; expected the folder given as log=FOLDER."
        )
    if folder.resolve() == log.resolve():
        raise BadSetting(f"'{folder}' is this deployment's own log; expected the folder of a decider.")
    with _alone(folder):
        left = tuple(f"{r.path.name}: {r.refusal}" for r in recover(folder, files=SystemFiles()) if r.refusal)
        total = Taken(left=left)
        for _, line in groupby(log_folder.shippable(folder), key=lambda file: file.writer):
            total += _line_taken(deployment, list(line))
    return total


def _line_taken(deployment: Deployment, line: Sequence[SegmentFile]) -> Taken:
    """One writer's segments, up to the first that has to stay."""
    total = Taken()
    for place, file in enumerate(line):
        try:
            total += _segment_taken(deployment, file)
        except _Stays as why:
            n_behind = len(line) - place - 1
            behind = f" {n_behind:,} later segments of this writer stay with it." if n_behind else ""
            return total + Taken(left=(f"{file.path.name}: {why}{behind}",))
    return total


def _segment_taken(deployment: Deployment, file: SegmentFile) -> Taken:
    """Copy, write down, remove."""
    last = _last_taken(deployment.records, file.writer)
    if file.segment <= last:
        _remove(file.path)
        return Taken(n_repeated=1)
    if file.segment > last + 1:
        raise _Stays(f"segment {last + 1} of its writer has not come; expected it first. Ship the folder that has it.")
    events = _checked(deployment.registry, _scan(file))
    _copy(file.path, log_folder.sealed_path(deployment.home.log, file.writer, file.segment))
    _write_down(deployment.records, file.writer, file.segment)
    _remove(file.path)
    n_decisions = sum(isinstance(event, Decision) for event in events)
    n_outcomes = len(events) - n_decisions - sum(isinstance(event, ActionSet) for event in events)
    return Taken(n_segments=1, n_decisions=n_decisions, n_outcomes=n_outcomes)


def _scan(file: SegmentFile) -> Scan:
    try:
        return read_segment(file)
    except BadHeader as error:
        raise _Stays(error.message) from None


def _checked(registry: Registry, found: Scan) -> list[object]:
    """The events, when this deployment knows their loops and specs. Damaged records are told when the log is shipped on."""
    events: list[object] = []
    specs: set[tuple[str, str]] = set()
    for record in found.records:
        try:
            event = record.event()
        except (msgspec.MsgspecError, ValueError) as error:
            raise _Stays(
                f"record {record.seq} is none that this version knows ({error}). Was it written by a newer one?"
            ) from None
        if isinstance(event, Decision):
            specs.add((event.loop, event.spec))
        events.append(event)
    known = registry.standings()
    for loop, spec in sorted(specs):
        if loop not in known:
            raise _Stays(f"it has decisions of loop '{loop}', which is not here; apply the loop first, or ship it elsewhere.")
        if registry.spec_named(loop, spec) is None:
            raise _Stays(f"it has decisions of loop '{loop}' under spec {spec}, which this deployment never had.")
    return events


def _copy(source: Path, target: Path) -> None:
    """The same bytes, durable, under the target's name; a half-made copy is never seen under it."""
    files = SystemFiles()
    new = target.with_name(f".{target.name}.tmp")  # no name of the log's own: its recovery takes those away
    fd = files.create(new)
    try:
        files.pwrite(fd, source.read_bytes(), 0)
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.rename(new, target)
    files.fsync_dir(target.parent)


def _remove(path: Path) -> None:
    files = SystemFiles()
    files.unlink(path)
    files.fsync_dir(path.parent)


def _last_taken(records: Records, writer: str) -> int:
    """The writer's last segment that came in, 0 for none."""
    with records.read() as connection:
        return connection.execute(sa.select(progress.c.value).where(progress.c.name == _name(writer))).scalar() or 0


def _write_down(records: Records, writer: str, segment: int) -> None:
    with records.write() as connection:
        statement = insert_into(connection, progress).values(name=_name(writer), value=segment)
        connection.execute(statement.on_conflict_do_update(index_elements=[progress.c.name], set_={"value": segment}))


def _name(writer: str) -> str:
    return f"edge {writer}"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that no two ship from it at once."""
    fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise NothingToDo(f"'{folder}' is being shipped by another process; it takes what there is.") from None
        yield
    finally:
        os.close(fd)
