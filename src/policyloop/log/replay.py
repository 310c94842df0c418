"""The log read back: the records of sealed and open segments, in the order in which they were written.

Question answered: what was logged that is not in the lake yet, and what of it is damaged?
Reading changes nothing and needs no lock. Of a segment that is being written now, the last group may be seen in part;
it is not yet acknowledged then, and left out.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from policyloop.core.event import ActionSet, Decision, Event, Kind, Logged
from policyloop.log.folder import SegmentFile, sealed_path, segments
from policyloop.log.segment import HEADER_BYTES, SEAL_BYTES, BadHeader, Record, Scan, decode_header, scan, seal_of


def read_segment(file: SegmentFile) -> Scan:
    """All records of a segment, and its damages.

    Raises:
        BadHeader: the header cannot be read, or is not the one that belongs to the file's name.
        FileNotFoundError: it was sealed, shipped or moved meanwhile.
    """
    found = scan(file.path.read_bytes(), is_sealed=file.is_sealed)
    header = found.header
    if (header.writer, header.segment) != (file.writer, file.segment):
        raise BadHeader(
            "wrong_name",
            f"its name says segment {file.segment} of writer {file.writer}, its header segment {header.segment} of writer "
            f"{header.writer}: it is a copy under another name.",
        )
    return found


def find_events(folder: Path, decision_id: str) -> list[tuple[Record, Event]]:
    """What the log still holds about one decision: the decision itself and its outcomes, in the log's order.

    Segments that cannot be read are left out; `policyloop fsck` reports them.
    """
    needle = decision_id.encode("utf-8", "surrogatepass")
    found: list[tuple[Record, Event]] = []
    for record in _records(folder):
        if needle not in record.payload:  # saves decoding nearly all of them
            continue
        try:
            event = record.event()
        except (msgspec.MsgspecError, ValueError):
            continue
        if not isinstance(event, ActionSet) and event.decision_id == decision_id:
            found.append((record, event))
    return found


def find_action_set(folder: Path, loop: str, digest: str) -> ActionSet | None:
    """The set of candidates of that digest, when the log still holds it; None when it is in the tables, or nowhere."""
    needle = digest.encode()
    for record in _records(folder):
        if record.kind == Kind.ACTION_SET and needle in record.payload:
            found = record.event()
            if isinstance(found, ActionSet) and (found.loop, found.digest) == (loop, digest):
                return found
    return None


def last_time_us(folder: Path) -> int:
    """The latest time that the log in this folder has given to an event or promised in a heartbeat; 0 when it has none.

    A clock that starts must not start before it. Reads a few hundred bytes of each sealed segment.
    """
    times = [_last_time_of(file) for file in segments(folder)]
    times += [_beat_time(path) for path in folder.glob("*.beat")]
    return max(times, default=0)


def time_of(event: Logged) -> int:
    """The server's time of an event, in microseconds."""
    return event.decided_at if isinstance(event, Decision) else event.received_at


def last_time_in(found: Scan) -> int:
    """The time of the last record of a segment, which none of its records exceeds; its beginning when there is none."""
    for record in reversed(found.records):
        try:
            return time_of(record.event())
        except (msgspec.MsgspecError, ValueError):
            continue
    return found.header.created_at


def _records(folder: Path) -> list[Record]:
    """All readable records of a folder."""
    records: list[Record] = []
    for file in segments(folder):
        sealed = SegmentFile(file.writer, file.segment, True, sealed_path(folder, file.writer, file.segment))
        for name in (file, sealed):  # an open one may be sealed meanwhile
            with suppress(BadHeader, FileNotFoundError):
                records.extend(read_segment(name).records)
                break
    return records


def _last_time_of(file: SegmentFile) -> int:
    """The last time in a segment: from its seal, else from its records; 0 when it cannot be read."""
    try:
        with file.path.open("rb") as handle:
            handle.seek(0, 2)
            size = handle.tell()
            handle.seek(max(0, size - SEAL_BYTES))
            seal = seal_of(handle.read(), file.writer, file.segment)
            handle.seek(0)
            created_at = decode_header(handle.read(HEADER_BYTES)).created_at
        return max(created_at, seal.last_time if seal is not None else last_time_in(read_segment(file)))
    except (BadHeader, FileNotFoundError):
        return 0


def _beat_time(path: Path) -> int:
    """The time in a heartbeat file; 0 when it cannot be read."""
    try:
        return int(msgspec.json.decode(path.read_bytes())["time"])
    except (FileNotFoundError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return 0
