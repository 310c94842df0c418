"""Checks the log's files and mends what can be mended, without ever deleting a byte that was logged.

Question answered: is every event that was acknowledged and not yet shipped still readable, and if not, where is the damage?
A repair writes the good records to a new file that takes the damaged one's place; the damaged one is kept in quarantine.
"""

from __future__ import annotations

from itertools import groupby, pairwise
from pathlib import Path
from typing import Literal

import msgspec

from policyloop.log import folder as log_folder
from policyloop.log import segment
from policyloop.log.files import Files
from policyloop.log.folder import SegmentFile
from policyloop.log.recover import quarantine, recover, set_aside
from policyloop.log.replay import last_time_in, read_segment
from policyloop.log.segment import BadHeader, Header, HeaderFault, Scan, Seal

FindingKind = HeaderFault | Literal["corrupt", "torn_tail", "duplicate", "missing_segment", "unreadable_event"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it was written."""

    kind: FindingKind
    path: Path
    message: str
    offset: int | None = None  # of the first damaged byte
    end: int | None = None

    @property
    def is_loss(self) -> bool:
        """Whether an event that was acknowledged may be missing; a torn tail and a copy cost none."""
        return self.kind not in ("torn_tail", "duplicate", "newer_format")


class Repair(msgspec.Struct, frozen=True):
    """What was done about one file."""

    path: Path  # the file as it is now
    message: str
    kept_in: Path | None = None  # where the bytes from before lie


def check(folder: Path) -> list[Finding]:
    """All that is wrong with the log in `folder`, file by file; nothing is changed. Safe while writers are at work."""
    files = log_folder.segments(folder)
    findings = [finding for file in files for finding in _faults_of(file)]
    for _, line in groupby(files, key=lambda file: file.writer):
        findings += _faults_of_line(folder, list(line))
    return findings


def put_aside(folder: Path) -> list[Finding]:
    """What is wrong with the segments in quarantine: what was damaged when a worker or a repair came by, and is no longer
    to be seen in the log. Events that were shipped or mended are not missing; those that these name are."""
    return [finding for file in log_folder.quarantined(folder) for finding in _faults_of(file)]


def repair(folder: Path, *, files: Files) -> list[Repair]:
    """Mend what `check` finds, where that is possible; segments of living writers are left alone.

    Good records of damaged segments are kept, what dead writers left open is sealed, copies are put aside. A missing
    segment cannot be mended, and one of a newer format is left for the version that wrote it.
    """
    done: list[Repair] = []
    for file in log_folder.segments(folder):
        done += _repair_file(file, files)
    for recovery in recover(folder, files=files):
        told = "; ".join(damage.message for damage in recovery.damages) or "nothing was lost"
        done.append(Repair(recovery.path, recovery.refusal or f"it is sealed with {recovery.n_records} records; {told}"))
    return done


def _faults_of(file: SegmentFile) -> list[Finding]:
    """What is wrong inside one file."""
    try:
        found = read_segment(file)
    except BadHeader as error:
        return [_fault_of_header(file, error)]
    except FileNotFoundError:  # sealed or shipped while we were looking
        return []
    is_living = not file.is_sealed and log_folder.is_locked(file.path)
    findings: list[Finding] = []
    for damage in found.damages:
        kind: FindingKind = "torn_tail" if damage.kind == "torn" else "corrupt"
        if kind == "torn_tail" and is_living:
            continue  # it is being written just now
        findings.append(Finding(kind, file.path, damage.message, damage.offset, damage.end))
    return findings + _unreadable_events(file, found)


def _fault_of_header(file: SegmentFile, error: BadHeader) -> Finding:
    """The finding for a header; a copy of a segment that is there as well is called so."""
    if error.kind == "wrong_name" and _true_path(file).exists():
        return Finding("duplicate", file.path, f"{error.message} That one is {_true_path(file).name}.")
    return Finding(error.kind, file.path, error.message, 0, segment.HEADER_BYTES)


def _unreadable_events(file: SegmentFile, found: Scan) -> list[Finding]:
    """Records whose bytes are as they were written, but hold no event that this version knows."""
    findings: list[Finding] = []
    for record in found.records:
        try:
            record.event()
        except (msgspec.MsgspecError, ValueError) as error:
            message = (
                f"record {record.seq} (kind {record.kind}, form {record.form}) is no event that this version reads: {error}."
            )
            findings.append(Finding("unreadable_event", file.path, message))
    return findings


def _faults_of_line(folder: Path, line: list[SegmentFile]) -> list[Finding]:
    """Segments of one writer that are there twice, or missing between others."""
    findings: list[Finding] = []
    for before, after in pairwise(line):
        if before.segment == after.segment:
            message = f"segment {after.segment} is there open and sealed; expected one of the two."
            findings.append(Finding("duplicate", log_folder.open_path(folder, after.writer, after.segment), message))
        for number in range(before.segment + 1, after.segment):
            path = log_folder.sealed_path(folder, after.writer, number)
            findings.append(Finding("missing_segment", path, _told_missing(folder, path, before, after)))
    return findings


def _told_missing(folder: Path, path: Path, before: SegmentFile, after: SegmentFile) -> str:
    """Where a missing segment may be."""
    between = f"segments {before.segment} and {after.segment} of the writer are there and this one is not"
    kept = sorted((folder / log_folder.QUARANTINE).glob(f"{path.name}*"))
    if kept:
        return f"{between}; it was put aside as {kept[-1]}."
    return f"{between}; segments are shipped and removed in order, so it was taken away. Put it back from a copy."


def _repair_file(file: SegmentFile, files: Files) -> list[Repair]:
    """Mend one file, holding its lock so that neither its writer nor recovery is at it."""
    try:
        fd = files.open(file.path)
    except FileNotFoundError:
        return []
    try:
        return _repair_locked(file, files) if files.lock(fd) else []
    finally:
        files.close(fd)


def _repair_locked(file: SegmentFile, files: Files) -> list[Repair]:
    """Mend one file that is ours alone; nothing for a good one."""
    if not file.is_sealed and _sealed_path(file).exists():
        return [_put_aside(file, "it was there twice; the sealed one stays", files)]
    try:
        found = read_segment(file)
    except BadHeader as error:
        if error.kind == "newer_format":
            return []
        if error.kind == "wrong_name":
            return [_rename(file, files)]
        found = _scan_by_name(file)
        return [_rewrite(file, found, files)] if found.records else [_put_aside(file, error.message, files)]
    return [_rewrite(file, found, files)] if found.is_corrupt else []


def _scan_by_name(file: SegmentFile) -> Scan:
    """The frames behind a header that cannot be read: their checksums need only what the file's name tells."""
    header = Header(file.writer, file.segment, 0, 0)
    return segment.scan(file.path.read_bytes(), is_sealed=file.is_sealed, header=header)


def _rewrite(file: SegmentFile, found: Scan, files: Files) -> Repair:
    """Put a sealed segment of the good records in the file's place. At no moment is neither of the two there."""
    kept_in = quarantine(file.path, files=files)
    sealed = _sealed_path(file)
    new = sealed.with_name(sealed.name + ".new")
    fd = files.create(new)
    try:
        files.pwrite(fd, _sealed_bytes(file, found), 0)
        files.fdatasync(fd)
    finally:
        files.close(fd)
    files.rename(new, sealed)
    if not file.is_sealed:
        files.unlink(file.path)  # its copy is durable in quarantine
    files.fsync_dir(sealed.parent)
    lost = "; ".join(damage.message for damage in found.damages) or "only its header was damaged"
    return Repair(sealed, f"its {len(found.records)} good records are in a new file; {lost}", kept_in)


def _sealed_bytes(file: SegmentFile, found: Scan) -> bytes:
    """A sealed segment with the same identity and the same records, each under its own seq."""
    first_seq = found.records[0].seq if found.records else found.header.first_seq
    last_time = last_time_in(found)
    header = Header(file.writer, file.segment, first_seq, found.header.created_at)
    seed = segment.seed_of(file.writer, file.segment)
    parts = [segment.encode_header(header)]
    end = segment.HEADER_BYTES
    for record in found.records:
        frame = segment.encode_frame(seed, record.seq, (record.kind, record.form, record.payload))
        parts.append(frame)
        end += len(frame)
    next_seq = found.records[-1].seq + 1 if found.records else first_seq
    parts.append(segment.encode_seal(seed, next_seq, Seal(len(found.records), last_time), durable_offset=end))
    return b"".join(parts)


def _rename(file: SegmentFile, files: Files) -> Repair:
    """Give a segment under a wrong name its own, or put it aside where that is taken."""
    true = _true_path(file)
    if true.exists():
        return _put_aside(file, f"it is a copy of {true.name}", files)
    files.rename(file.path, true)
    files.fsync_dir(true.parent)
    return Repair(true, f"it was {file.path.name}; it has its own name again")


def _put_aside(file: SegmentFile, reason: str, files: Files) -> Repair:
    """Move a file to quarantine."""
    kept_in = set_aside(file.path, files=files)
    return Repair(file.path, f"it is put aside: {reason}", kept_in)


def _true_path(file: SegmentFile) -> Path:
    """The name that belongs to the header in the file."""
    with file.path.open("rb") as handle:
        header = segment.decode_header(handle.read(segment.HEADER_BYTES))
    path = log_folder.sealed_path if file.is_sealed else log_folder.open_path
    return path(file.path.parent, header.writer, header.segment)


def _sealed_path(file: SegmentFile) -> Path:
    """The file's name once it is sealed."""
    return log_folder.sealed_path(file.path.parent, file.writer, file.segment)
