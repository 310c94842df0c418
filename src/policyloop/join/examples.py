"""The join: decisions and outcomes become examples. A function of the set of events and the watermark, nothing else.

Question answered: what is this loop's reward for each decision that is settled, and from which record of it?
It runs in two steps, so that an hour's wide columns (context, pmf) are read only for rows that changed: `settle` decides
everything from a few narrow columns, `widen` puts the result beside the decision's own columns.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.event import ACTIVATED, ENDED, EXECUTED
from policyloop.core.loop import LoopSpec
from policyloop.join.audit import Audit
from policyloop.join.executed import done_instead
from policyloop.join.first_given import first_given
from policyloop.join.reward import Rewards, rewards
from policyloop.join.window import Seen, Windows, windows
from policyloop.lake.rows import NAMELESS
from policyloop.lake.schema import EXAMPLE_SCHEMA
from policyloop.lake.sql import Session
from policyloop.lake.views import first_decisions, first_outcomes, twins_of

OUTCOME_COLUMNS = (  # what the join needs of outcomes
    "decision_id",
    "outcome_id",
    "name",
    "value",
    "received_at",
    "occurred_at",
    "final",
    "executed",
    "writer",
    "seq",
)

SETTLED_SCHEMA = pa.schema(
    [
        ("decision_id", pa.string()),
        ("writer", pa.string()),  # with `seq`, the record of the decision that counts
        ("seq", pa.int64()),
        ("is_conflict", pa.bool_()),
        ("executed", pa.list_(pa.field("element", pa.int32()))),  # what was carried out; null: what was chosen
        *(
            (name, EXAMPLE_SCHEMA.field(name).type)
            for name in (
                "reward",
                "outcomes",
                "n_outcomes",
                "n_late",
                "n_duplicates",
                "is_rewarded",
                "is_clipped",
                "matured_at",
            )
        ),
    ]
)

# Outcomes with their decisions. Where the client's time lies before the decision, the decision's time counts.
_SEEN = """
SELECT d.decision, coalesce(n.place, -1) AS name, coalesce(o.value, 'nan'::DOUBLE) AS value,
    greatest(coalesce(o.occurred_at, o.received_at), d.decided_at) AS happened_at,
    o.received_at, o.final, o.executed, o.n_duplicates, o.is_conflict
FROM outcomes o JOIN decisions d USING (decision_id) LEFT JOIN names n USING (name)
ORDER BY d.decision, name, happened_at, o.received_at, o.outcome_id, o.name
"""

# Which decision row belongs to which settled row; a record that is there twice gives its first row.
_MATCHED = """
SELECT settled.place AS settled, min(rows.place) AS decision
FROM rows JOIN settled USING (writer, seq)
GROUP BY settled.place, rows.decided_at, rows.writer, rows.seq
ORDER BY rows.decided_at, rows.writer, rows.seq
"""


@dataclass(frozen=True, slots=True)
class Joined:
    """An hour, settled as far as the watermark allows."""

    settled: pa.Table  # SETTLED_SCHEMA, in the order (decided_at, writer, seq)
    audit: Audit
    due: int | None  # the watermark at which the next decision matures; None: none is waiting
    first_waiting: int | None  # decided_at of the earliest decision that waits


def join(decisions: pa.Table, outcomes: pa.Table, spec: LoopSpec, *, watermark: int) -> pa.Table:
    """Examples of decisions and outcomes that are in memory.

    Args:
        decisions: rows of the table `decisions` of one loop.
        outcomes: rows of the table `outcomes` of the same loop.
        spec: window, aggregation and reward.
        watermark: microseconds; everything received before it is among the rows.

    Returns:
        Rows of the table `examples`, in the order (decided_at, writer, seq), all of version 1.
    """
    joined = settle(decisions, twins_of(decisions), outcomes, spec, watermark=watermark)
    first = joined.settled.append_column("version", pa.array(np.ones(joined.settled.num_rows, dtype=np.int32)))
    return widen(decisions, first)


def settle(decisions: pa.Table, twins: pa.Table, outcomes: pa.Table, spec: LoopSpec, *, watermark: int) -> Joined:
    """Everything about the examples but the decisions' own columns.

    Args:
        decisions: columns `views.IDENTITY` of all decision rows.
        twins: columns `views.TWIN` of the rows of repeated decisions.
        outcomes: columns `OUTCOME_COLUMNS` of all outcome rows.
        spec: window, aggregation and reward.
        watermark: microseconds.
    """
    chosen = first_decisions(decisions, twins)
    n = chosen.num_rows
    reports, n_orphans = reports_of(outcomes, chosen, list(spec.outcomes))
    seen = seen_of(reports)
    in_time = windows(
        _ints(chosen["decided_at"]),
        _bools(chosen["is_deferred"]),
        seen,
        activated=len(spec.outcomes),
        n_declared=len(spec.outcomes),
        window_us=round(spec.reward.window_s * US_PER_S),
        close=spec.reward.close,
    )
    earned = rewards(spec.reward, spec.outcomes, seen, counts=in_time.counts, n=n)
    executed, is_usable = done_instead(reports, chosen["action"])
    is_mature = in_time.is_open & (in_time.matured_at <= watermark)
    is_waiting = in_time.is_open & ~is_mature
    waiting = in_time.matured_at[is_waiting]
    keep = is_mature & is_usable
    of_outcomes = np.bincount(seen.decision, weights=_ints(reports["n_duplicates"]), minlength=n).astype(np.int64)
    repeated = _ints(chosen["n_duplicates"]) + of_outcomes
    settled = _settled(chosen, seen, in_time, earned, executed=executed, repeated=repeated).filter(pa.array(keep))
    audit = Audit(
        decisions=n,
        joined=int((keep & earned.is_rewarded).sum()),
        unrewarded=int((keep & ~earned.is_rewarded).sum()),
        waiting=len(waiting),
        not_activated=int((~in_time.is_open).sum()),
        unusable=int((is_mature & ~is_usable).sum()),
        outcomes=len(seen) + n_orphans,
        arrived_late=int(in_time.arrived_late.sum()),
        happened_late=int(in_time.happened_late.sum()),
        undeclared=int((seen.name < 0).sum()),
        duplicate=int(repeated.sum()),
        conflict=int(_bools(chosen["is_conflict"]).sum()),
        outcome_conflict=int(_bools(reports["is_conflict"]).sum()),
        clipped=int(earned.is_clipped[keep].sum()),
        executed=settled.num_rows - settled["executed"].null_count,
        orphan=n_orphans,
        chosen_by_action=_by_action(chosen["action"].filter(pa.array(keep))),
        instead_by_action=_by_action(
            chosen["action"].filter(pa.array(keep & pc.is_valid(executed).to_numpy(zero_copy_only=False)))
        ),
    )
    if not len(waiting):
        return Joined(settled, audit, due=None, first_waiting=None)
    return Joined(settled, audit, due=int(waiting.min()), first_waiting=int(_ints(chosen["decided_at"])[is_waiting].min()))


def widen(decisions: pa.Table, settled: pa.Table) -> pa.Table:
    """Settled rows with the columns of their decisions: rows of the table `examples`.

    Args:
        decisions: rows of the table `decisions`; those that no settled row names are left out.
        settled: SETTLED_SCHEMA and `version`.
    """
    records = {
        "rows": _numbered(decisions.select(["decided_at", "writer", "seq"])),
        "settled": _numbered(settled.select(["writer", "seq"])),
    }
    with Session(records) as session:
        matched = session.query(_MATCHED)
    found = settled.take(matched["settled"])
    taken = first_given(decisions.take(matched["decision"]), decisions)
    columns = {name: column for name, column in _columns(taken) if name in EXAMPLE_SCHEMA.names}
    columns |= {name: column for name, column in _columns(found) if name != "executed"}
    if found["executed"].null_count < found.num_rows:
        columns |= _told_instead(columns, found["executed"])
    return pa.table({name: columns[name] for name in EXAMPLE_SCHEMA.names}).cast(EXAMPLE_SCHEMA)


def _by_action(chosen: pa.ChunkedArray) -> tuple[int, ...]:
    """How often each index was chosen, up to the largest; of a ranking the first place."""
    index = pc.list_flatten(pc.list_slice(chosen, 0, 1)).to_numpy()
    return tuple(np.bincount(index).tolist()) if len(index) else ()


def _columns(table: pa.Table) -> Iterable[tuple[str, pa.ChunkedArray]]:
    return zip(table.column_names, table.columns, strict=True)


def _numbered(table: pa.Table) -> pa.Table:
    """The table with the number of each row as `place`."""
    return table.append_column("place", pa.array(np.arange(table.num_rows)))


def _told_instead(columns: dict[str, pa.ChunkedArray], executed: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """The columns that change where another action than the chosen was carried out: it was drawn from no known pmf."""
    is_told = pc.is_valid(executed)
    return {
        "action": pc.if_else(is_told, executed, columns["action"]),
        "propensity": pc.if_else(is_told, pa.scalar(None, pa.float64()), columns["propensity"]),
        "propensity_kind": pc.if_else(is_told, "unknown", columns["propensity_kind"]),
        "pmf": pc.if_else(is_told, pa.scalar(None, columns["pmf"].type), columns["pmf"]),
    }


def reports_of(outcomes: pa.Table, chosen: pa.Table, declared: list[str]) -> tuple[pa.Table, int]:
    """Outcomes of the chosen decisions, each once, in the order that `Seen` wants; and how many have no decision."""
    names = [*declared, ACTIVATED, EXECUTED, ENDED, NAMELESS]
    places = pa.table({"name": pa.array(names, pa.string()), "place": np.arange(len(names))})
    numbered = _numbered(chosen.select(["decision_id", "decided_at"])).rename_columns(["decision_id", "decided_at", "decision"])
    once = first_outcomes(outcomes.select(OUTCOME_COLUMNS))
    with Session({"outcomes": once, "decisions": numbered, "names": places}) as session:
        reports = session.query(_SEEN)
    return reports, once.num_rows - reports.num_rows


def seen_of(reports: pa.Table) -> Seen:
    """The outcomes as arrays.

    Args:
        reports: as `reports_of` gives them.
    """
    return Seen(
        decision=_ints(reports["decision"]),
        name=_ints(reports["name"]),
        value=reports["value"].to_numpy(),
        happened_at=_ints(reports["happened_at"]),
        received_at=_ints(reports["received_at"]),
        final=_bools(reports["final"]),
    )


def _settled(
    chosen: pa.Table, seen: Seen, in_time: Windows, earned: Rewards, *, executed: pa.Array, repeated: NDArray[np.int64]
) -> pa.Table:
    """All n decisions, in SETTLED_SCHEMA."""
    n = chosen.num_rows
    columns = {
        **{name: chosen[name] for name in ("decision_id", "writer", "seq", "is_conflict")},
        "executed": executed,
        "reward": earned.reward,
        "outcomes": _outcome_maps(earned),
        "n_outcomes": earned.n_outcomes,
        "n_late": np.bincount(seen.decision[in_time.happened_late], minlength=n),
        "n_duplicates": repeated,
        "is_rewarded": earned.is_rewarded,
        "is_clipped": earned.is_clipped,
        "matured_at": in_time.matured_at,
    }
    return pa.table(columns).select(SETTLED_SCHEMA.names).cast(SETTLED_SCHEMA)


def _outcome_maps(earned: Rewards) -> pa.Array:
    """Per decision a map from name to aggregated value, of the names that were seen."""
    there = np.stack(list(earned.is_there.values()), axis=1)
    values = np.stack(list(earned.columns.values()), axis=1)
    names = np.array(list(earned.columns), dtype=object)
    offsets = np.concatenate([[0], there.sum(axis=1).cumsum()]).astype(np.int32)
    _, place = np.nonzero(there)
    return pa.MapArray.from_arrays(offsets, pa.array(names[place], pa.string()), pa.array(values[there]))


def _ints(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return column.to_numpy().astype(np.int64, copy=False)  # type: ignore[no-any-return]


def _bools(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return column.to_numpy().astype(bool, copy=False)  # type: ignore[no-any-return]
