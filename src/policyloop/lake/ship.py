"""The log's folder emptied into the tables: recover, read, ship, delete, and move the watermark on.

Question answered: what did the log hold, is it all in the tables now, and up to when is nothing missing?
Damaged segments never stop the rest: a copy goes to quarantine, what is readable is shipped, and the caller is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from policyloop.core.clock import Clock
from policyloop.lake import watermark
from policyloop.lake.tables import Lake
from policyloop.lake.write import Sealed, Shipped, ship
from policyloop.log.files import Files
from policyloop.log.folder import SegmentFile, shippable
from policyloop.log.recover import quarantine, recover, set_aside
from policyloop.log.replay import read_segment
from policyloop.log.segment import BadHeader
from policyloop.storage.records import Records

_RECORDS_PER_COMMIT = 100_000  # bounds memory when much has piled up


@dataclass(frozen=True, slots=True)
class Shipment:
    """What one round of shipping did."""

    shipped: Shipped
    watermark: int  # where it stands now, microseconds
    alarms: tuple[str, ...]  # damage that was found, in words


def ship_log(
    lake: Lake,
    records: Records,
    folder: Path,
    *,
    clock: Clock,
    files: Files,
    records_per_commit: int = _RECORDS_PER_COMMIT,
) -> Shipment:
    """Empty the log's folder into the tables, as far as it is sealed.

    Args:
        lake: the tables.
        records: the index of decisions, the marks of hours and the watermark.
        folder: the log's folder.
        clock: tells up to when the folder was looked at.
        files: the calls by which segments are recovered and deleted.
        records_per_commit: about how many records go into one commit.
    """
    promises = watermark.read_promises(folder, clock)
    alarms = [*lake.mend(), *_recovered(folder, files)]
    total = Shipped()
    for group in _groups(folder, files, alarms, records_per_commit):
        total += ship(lake, records, [segment for _, segment in group])
        for file, _ in group:
            files.unlink(file.path)
        files.fsync_dir(folder)
    return Shipment(total, watermark.advance(records, folder, promises), tuple(alarms))


def _recovered(folder: Path, files: Files) -> list[str]:
    """Seal what dead writers left; returns what was found damaged."""
    alarms: list[str] = []
    for recovery in recover(folder, files=files):
        name = recovery.path.name
        alarms.extend(f"{name}: {damage.message}" for damage in recovery.damages if damage.kind == "corrupt")
        if recovery.refusal is not None:
            alarms.append(f"{name}: {recovery.refusal}")
    return alarms


def _groups(
    folder: Path, files: Files, alarms: list[str], records_per_commit: int
) -> Iterator[list[tuple[SegmentFile, Sealed]]]:
    """Segments that may be shipped, with their files, as many at a time as hold about that many records."""
    group: list[tuple[SegmentFile, Sealed]] = []
    n_records = 0
    stopped: set[str] = set()
    for file in shippable(folder):
        sealed = None if file.writer in stopped else _read(file, files, alarms)
        if sealed is None:
            stopped.add(file.writer)  # a later segment in the tables would make this one look old
            continue
        group.append((file, sealed))
        n_records += len(sealed.records)
        if n_records >= records_per_commit:
            yield group
            group, n_records = [], 0
    if group:
        yield group


def _read(file: SegmentFile, files: Files, alarms: list[str]) -> Sealed | None:
    """The segment's readable records; None when it has no readable header. Damage is kept in quarantine and told."""
    try:
        found = read_segment(file)
    except BadHeader as error:
        alarms.append(f"{file.path.name}: {error.message}")
        if error.kind != "newer_format":  # its own version may still read it
            set_aside(file.path, files=files)
        return None
    if found.is_corrupt:
        quarantine(file.path, files=files)
        alarms.extend(f"{file.path.name}: {damage.message}" for damage in found.damages if damage.kind == "corrupt")
    return Sealed(file.writer, file.segment, found.records)
