"""Joining hour by hour: what is marked is joined again, and the table gets only what is new or changed.

Question answered: which hours of this loop need a join, and what did it bring?
An hour stays marked until nothing in it waits for the watermark. Examples are appended; a correction is the same
example with a higher version. Only where an example is no more (the window became longer) is an hour written anew.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.loop import LoopSpec
from policyloop.core.model import canonical_json, digest
from policyloop.core.spec_file import to_mapping
from policyloop.join.audit import Audit, added
from policyloop.join.episode_hours import join_episodes
from policyloop.join.examples import OUTCOME_COLUMNS, Joined, settle, widen
from policyloop.join.hour_states import Brought, HourState, hour_states, remember
from policyloop.lake import dirty
from policyloop.lake.schema import DECISION_SCHEMA, DECISIONS, EXAMPLES, OUTCOMES, UNKNOWN_HOUR
from policyloop.lake.sql import Session
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.views import IDENTITY, TWIN, latest, repeated_ids
from policyloop.lake.watermark import read_watermark
from policyloop.storage.records import Records

_ROWS_PER_COMMIT = 200_000  # bounds the memory that wide columns take
_ROWS_AT_ONCE = 100_000  # fewer at a time cost more: the wanted ids are hashed for each

# What two versions of an example are told apart by; all else follows from the decision's record.
_FACTS: tuple[str, ...] = ("writer", "seq", "is_conflict", "reward", "outcomes", "n_outcomes", "n_late", "n_duplicates")
_FACTS += ("is_rewarded", "is_clipped", "matured_at")
_CURRENT = ("decision_id", "version", "action", "hour", *_FACTS)

_COMPARED = f"""
SELECT s.*, (coalesce(c.version, 0) + 1)::INTEGER AS next, c.version AS current,
    c.decision_id IS NULL
    OR ({", ".join(f"s.{name}" for name in _FACTS)}) IS DISTINCT FROM ({", ".join(f"c.{name}" for name in _FACTS)})
    OR (s.executed IS NOT NULL AND s.executed IS DISTINCT FROM c.action) AS is_changed
FROM settled s LEFT JOIN current c USING (decision_id)
"""  # noqa: S608 - names of our own schema
_WITHDRAWN = "SELECT count(*) AS n FROM current ANTI JOIN settled USING (decision_id)"


def join_loop(lake: Lake, records: Records, spec: LoopSpec, *, watermark: int | None = None) -> Brought:
    """Join the marked hours of a loop in which something can have changed; of a loop with episodes, its episodes.

    Args:
        lake: the tables.
        records: marks, and what the last joins left.
        spec: the loop's spec as it holds now.
        watermark: microseconds; None for the stored one.
    """
    if spec.episodes is not None:
        return join_episodes(lake, records, spec, watermark=watermark)
    limit = read_watermark(records) if watermark is None else watermark
    states = hour_states(records, spec.loop)
    terms = terms_of(spec)
    # What was joined on other terms is joined again: outcomes or reward have changed since.
    dirty.mark(records, ((spec.loop, hour) for hour, state in states.items() if state.terms != terms))
    total = Brought()
    for hour, marked in dirty.marks(records, spec.loop).items():
        state = states.get(hour)
        if state is not None and state.terms == terms and _is_as_it_was(state, marked, limit):
            continue
        joined, brought = join_hour(lake, spec, hour, watermark=limit)
        remember(records, spec.loop, hour, HourState(marked, terms, joined.due, joined.first_waiting, joined.audit))
        total += brought
    return total


def terms_of(spec: LoopSpec) -> str:
    """Digest of the part of a spec that examples depend on."""
    said = to_mapping(spec)
    return digest(canonical_json([said["outcomes"], said["reward"]]))


def join_hour(lake: Lake, spec: LoopSpec, hour: str, *, watermark: int) -> tuple[Joined, Brought]:
    """Join one hour and bring the table of examples up to date with it. Doing it twice is doing it once."""
    where = in_hours(spec.loop, hour)
    narrow = lake.rows(DECISIONS, where=where, columns=IDENTITY)
    outcomes = lake.rows(OUTCOMES, where=where, columns=OUTCOME_COLUMNS)
    joined = settle(narrow, _twins(lake, where, narrow), outcomes, spec, watermark=watermark)
    current = latest(lake.rows(EXAMPLES, where=where, columns=_CURRENT))
    with Session({"settled": joined.settled, "current": current}) as session:
        compared = session.query(_COMPARED)
        n_withdrawn = session.query(_WITHDRAWN)["n"][0].as_py()
    changed = compared.filter(compared["is_changed"])
    n_corrected = changed.num_rows - changed["current"].null_count
    if n_withdrawn:
        _replace(lake, where, compared)
    else:
        _append(lake, where, changed)
    return joined, Brought(1, changed.num_rows - n_corrected, n_corrected, n_withdrawn)


def audit_loop(lake: Lake, records: Records, loop: str) -> Audit:
    """The audit of a loop: its hours as last joined, and the outcomes that no decision was found for."""
    return added([*(state.audit for state in hour_states(records, loop).values()), audit_unplaced(lake, records, loop)])


def audit_unplaced(lake: Lake, records: Records, loop: str, *, since: int = 0) -> Audit:
    """The audit of the outcomes that no decision was found for, of those received since then (microseconds)."""
    where = f"{in_hours(loop, UNKNOWN_HOUR)} AND received_at >= {since:d}"
    unknown = lake.rows(OUTCOMES, where=where, columns=["writer", "seq", "name", "received_at"])
    once = unknown.group_by(["writer", "seq", "name"]).aggregate([("received_at", "min")])
    # All that was received before the watermark is in the tables, decisions too: those outcomes wait in vain.
    n_orphans = pc.sum(pc.less(once["received_at_min"], read_watermark(records))).as_py() or 0
    return Audit(outcomes=once.num_rows, orphan=n_orphans, unplaced=once.num_rows - n_orphans)


def _is_as_it_was(state: HourState, marked: int, limit: int) -> bool:
    """Whether a join up to `limit` would find what the last one found."""
    return state.marked == marked and state.due is not None and state.due > limit


def _twins(lake: Lake, where: str, narrow: pa.Table) -> pa.Table:
    """The wide columns that tell conflicts from duplicates, read only where a decision has several rows."""
    ids = pa.array(repeated_ids(narrow).to_pylist(), pa.string())
    if not len(ids):
        return pa.schema([DECISION_SCHEMA.field(name) for name in TWIN]).empty_table()
    rows = lake.rows(DECISIONS, where=where, columns=TWIN)
    return rows.filter(pc.is_in(rows["decision_id"], value_set=ids))


def _append(lake: Lake, where: str, changed: pa.Table) -> None:
    """Add new and corrected examples, some at a time."""
    settled = _versioned(changed, changed["next"])
    for start in range(0, settled.num_rows, _ROWS_PER_COMMIT):
        rows = _widened(lake, where, settled.slice(start, _ROWS_PER_COMMIT))
        lake.commit(lake.open(EXAMPLES), rows)


def _replace(lake: Lake, where: str, compared: pa.Table) -> None:
    """Write the hour's examples anew."""
    version = pc.if_else(compared["is_changed"], compared["next"], compared["current"])
    if compared.num_rows:
        lake.replace(EXAMPLES, _widened(lake, where, _versioned(compared, version)), where=where)
    else:
        lake.remove(EXAMPLES, where=where)


def _widened(lake: Lake, where: str, settled: pa.Table) -> pa.Table:
    """Examples of settled rows, reading of the decisions only what these need."""
    wanted = settled["decision_id"].combine_chunks()
    found = [DECISION_SCHEMA.empty_table()]
    for rows in lake.tables(DECISIONS, where=where, at_least=_ROWS_AT_ONCE):
        found.append(rows.filter(pc.is_in(rows["decision_id"], value_set=wanted)))
    return widen(pa.concat_tables(found), settled)


def _versioned(compared: pa.Table, version: pa.ChunkedArray) -> pa.Table:
    """SETTLED_SCHEMA and `version`."""
    return compared.drop_columns(["next", "current", "is_changed"]).append_column("version", version)
