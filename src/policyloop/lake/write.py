"""Shipping: sealed segments enter the tables exactly once, and only then leave the disk.

Question answered: is every record of this segment in the tables, once, so that the file may go?
Each step can be repeated after a crash at any other. A commit records, for each writer, the last segment it carried
(a Delta app transaction), and that number is read first, through the same handle that commits: the Delta library takes
a repeated number without a word, so asking is our own duty, while two handles at once are told apart by the library.
One process ships, under a lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.errors import CorruptLog
from policyloop.core.event import ActionSet, Decision, Event, Kind, Logged, Outcome
from policyloop.lake import dirty, place
from policyloop.lake.rows import Placed, action_set_rows, decision_rows, outcome_rows
from policyloop.lake.schema import ACTION_SETS, DECISIONS, OUTCOME_SCHEMA, OUTCOMES, UNKNOWN_HOUR
from policyloop.lake.tables import Lake
from policyloop.log.segment import Record
from policyloop.storage.records import Records

_IN_UNKNOWN_HOUR = f"hour = '{UNKNOWN_HOUR}'"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed segment that has been read."""

    writer: str
    segment: int
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Shipped:
    """What one shipment brought."""

    n_segments: int = 0
    n_decisions: int = 0
    n_outcomes: int = 0
    n_unplaced: int = 0  # outcomes whose decision has not come yet

    def __add__(self, other: Shipped) -> Shipped:
        return Shipped(
            self.n_segments + other.n_segments,
            self.n_decisions + other.n_decisions,
            self.n_outcomes + other.n_outcomes,
            self.n_unplaced + other.n_unplaced,
        )


def ship(lake: Lake, records: Records, segments: Sequence[Sealed]) -> Shipped:
    """Bring read segments into the tables; afterwards they may be deleted. Segments that were shipped before change nothing.

    Args:
        lake: the tables.
        records: the index of decisions and the marks of hours.
        segments: in rising order for each writer, without leaving one out.

    Raises:
        CorruptLog: a record is no event that this version knows. Nothing was shipped.
    """
    events = [(record, _event_of(record)) for segment in segments for record in segment.records]
    hours = place.file_decisions(records, _first_times(event for _, event in events))
    decisions = _placed(((r, e) for r, e in events if isinstance(e, Decision)), hours)
    outcomes_of = [(r, e) for r, e in events if isinstance(e, Outcome)]
    known = hours | place.hours_of(records, {(e.loop, e.decision_id) for _, e in outcomes_of} - hours.keys())
    outcomes = _placed(outcomes_of, known)
    sets = [Placed(e, r.writer, r.segment, r.seq, r.form, UNKNOWN_HOUR) for r, e in events if isinstance(e, ActionSet)]

    last = {s.writer: s.segment for s in segments}
    _append_once(lake, ACTION_SETS, sets, last, to_rows=action_set_rows)  # before the decisions that refer to them
    _append_once(lake, DECISIONS, decisions, last, to_rows=decision_rows)
    _append_once(lake, OUTCOMES, outcomes, last, to_rows=outcome_rows)
    if hours:
        _place_waiting(lake, hours)
    dirty.mark(records, {(p.event.loop, p.hour) for p in (*decisions, *outcomes) if p.hour != UNKNOWN_HOUR})
    return Shipped(
        n_segments=len(segments),
        n_decisions=len(decisions),
        n_outcomes=len(outcomes),
        n_unplaced=sum(p.hour == UNKNOWN_HOUR for p in outcomes),
    )


def _event_of(record: Record) -> Logged:
    try:
        return record.event()
    except (msgspec.MsgspecError, ValueError) as error:
        kinds = " or ".join(f"{int(kind)}" for kind in Kind)
        raise CorruptLog(
            f"record {record.seq} of writer {record.writer} (segment {record.segment}, kind {record.kind}, "
            f"form {record.form}) is no event: {error}. Expected kind {kinds}; was it written by a newer version?"
        ) from error


def _first_times(events: Iterable[Logged]) -> dict[place.Key, int]:
    """The smallest decided_at by (loop, decision id)."""
    first: dict[place.Key, int] = {}
    for event in events:
        if isinstance(event, Decision):
            key = (event.loop, event.decision_id)
            first[key] = min(event.decided_at, first.get(key, event.decided_at))
    return first


def _placed(events: Iterable[tuple[Record, Event]], hours: dict[place.Key, str]) -> list[Placed]:
    """The events with their hours; `unknown` where the decision has not come."""
    return [Placed(e, r.writer, r.segment, r.seq, r.form, hours.get((e.loop, e.decision_id), UNKNOWN_HOUR)) for r, e in events]


def _append_once(
    lake: Lake, table: str, placed: Sequence[Placed], last: dict[str, int], *, to_rows: Callable[[Sequence[Placed]], pa.Table]
) -> None:
    """Commit the rows of those segments that the table has not had yet."""
    if not placed:
        return
    handle = lake.open(table)
    done = {writer: handle.transaction_version(writer) or 0 for writer in last}
    fresh = [p for p in placed if p.segment > done[p.writer]]
    if fresh:
        lake.commit(handle, to_rows(fresh), segments={w: s for w, s in last.items() if s > done[w]})


def _place_waiting(lake: Lake, hours: dict[place.Key, str]) -> None:
    """File outcomes that have waited for one of these decisions.

    First they are added where they belong, then those still waiting are written anew without them. A crash between
    leaves them twice in the raw table, which the views and the join see through.
    """
    waiting = lake.rows(OUTCOMES, where=_IN_UNKNOWN_HOUR)
    keys = zip(waiting["loop"].to_pylist(), waiting["decision_id"].to_pylist(), strict=True)
    hour = pa.array([hours.get(key) for key in keys], pa.string())
    is_found = pc.is_valid(hour)
    if not pc.any(is_found).as_py():
        return
    column = OUTCOME_SCHEMA.get_field_index("hour")
    found = waiting.set_column(column, OUTCOME_SCHEMA.field(column), hour.fill_null(UNKNOWN_HOUR)).filter(is_found)
    lake.commit(lake.open(OUTCOMES), found)
    rest = waiting.filter(pc.invert(is_found))
    if rest.num_rows:
        lake.replace(OUTCOMES, rest, where=_IN_UNKNOWN_HOUR)
    else:
        lake.remove(OUTCOMES, where=_IN_UNKNOWN_HOUR)
