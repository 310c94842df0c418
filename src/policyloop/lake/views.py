"""The views: each decision, outcome and example once, out of raw tables that may hold an event several times.

Question answered: which record of a repeated event counts?
A decision: the smallest (decided_at, writer, seq). Records that differ in pmf, context or what was offered make it a
conflict, unless their system logs candidates in part: such records complete one another (join/first_given.py).
An outcome, known by (decision_id, outcome_id, name): the smallest (received_at, digest). An example: the highest version.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from policyloop.lake.schema import DECISION_SCHEMA, DECISIONS, EXAMPLE_SCHEMA, EXAMPLES, OUTCOME_SCHEMA, OUTCOMES
from policyloop.lake.sql import Session
from policyloop.lake.tables import Lake, in_hours

# What choosing among a decision's records needs. What differs is only looked at where there are several.
IDENTITY = ("decision_id", "decided_at", "writer", "seq", "is_deferred", "action")
ORDER = ("decided_at", "writer", "seq")
TWIN = ("decision_id", "writer", "seq", "pmf", "context", "actions", "density")

_REPEATED = "SELECT decision_id FROM decisions GROUP BY decision_id HAVING count(*) > 1"

_FIRST_DECISIONS = """
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY decision_id ORDER BY decided_at, writer, seq) AS place
    FROM decisions SEMI JOIN repeated USING (decision_id)
), facts AS (
    SELECT decision_id,
        (count(DISTINCT (writer, seq)) - 1)::INTEGER AS n_duplicates,
        count(DISTINCT {'pmf': pmf, 'context': context, 'actions': actions}) > 1
            AND NOT bool_and(coalesce(contains(density, '"family":"sampled"'), false)) AS is_conflict
    FROM twins GROUP BY decision_id
)
SELECT decision_id, decided_at, writer, seq, is_deferred, action, 0::INTEGER AS n_duplicates, false AS is_conflict
FROM decisions ANTI JOIN repeated USING (decision_id)
UNION ALL
SELECT decision_id, decided_at, writer, seq, is_deferred, action, n_duplicates, is_conflict
FROM ranked JOIN facts USING (decision_id) WHERE place = 1
ORDER BY decided_at, writer, seq
"""

_FIRST_OUTCOMES = """
WITH repeated AS (
    SELECT decision_id, outcome_id, name FROM outcomes GROUP BY ALL HAVING count(*) > 1
), several AS (
    SELECT * FROM outcomes SEMI JOIN repeated USING (decision_id, outcome_id, name)
), ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY decision_id, outcome_id, name
        ORDER BY received_at,
            md5(concat_ws('|', coalesce(value, 'nan'), coalesce(occurred_at, 0), final, executed)),
            writer, seq
    ) AS place
    FROM several
), facts AS (
    SELECT decision_id, outcome_id, name,
        (count(DISTINCT (writer, seq)) - 1)::INTEGER AS n_duplicates,
        count(DISTINCT coalesce(value, 'nan')) > 1 AS is_conflict
    FROM several GROUP BY ALL
)
SELECT *, 0::INTEGER AS n_duplicates, false AS is_conflict
FROM outcomes ANTI JOIN repeated USING (decision_id, outcome_id, name)
UNION ALL BY NAME
SELECT ranked.* EXCLUDE (place), n_duplicates, is_conflict
FROM ranked JOIN facts USING (decision_id, outcome_id, name) WHERE place = 1
"""


def repeated_ids(decisions: pa.Table) -> pa.ChunkedArray:
    """Decision ids that more than one row has."""
    if pc.count_distinct(decisions["decision_id"]).as_py() == decisions.num_rows:
        return decisions["decision_id"].slice(0, 0)
    with Session({"decisions": decisions}) as session:
        return session.query(_REPEATED)["decision_id"]


def twins_of(decisions: pa.Table) -> pa.Table:
    """Of decisions that have several rows, the columns `TWIN`."""
    ids = repeated_ids(decisions).combine_chunks()
    return decisions.select(TWIN).filter(pc.is_in(decisions["decision_id"], value_set=ids))


def first_decisions(decisions: pa.Table, twins: pa.Table) -> pa.Table:
    """The record that counts, of each decision.

    Args:
        decisions: columns `IDENTITY` of all rows.
        twins: columns `TWIN` of the rows whose decision has several; more rows do no harm.

    Returns:
        Columns `IDENTITY`, `n_duplicates` (further records) and `is_conflict`, in the order (decided_at, writer, seq).
    """
    narrow = decisions.select(IDENTITY)
    repeated = repeated_ids(narrow)
    if not len(repeated):  # nearly always, and a query costs several ms
        once = {"n_duplicates": pa.repeat(pa.scalar(0, pa.int32()), len(narrow)), "is_conflict": pa.repeat(False, len(narrow))}
        return _with_columns(narrow, once).sort_by([(name, "ascending") for name in ORDER])
    with Session({"decisions": narrow, "twins": twins, "repeated": pa.table({"decision_id": repeated})}) as session:
        return session.query(_FIRST_DECISIONS)


def first_outcomes(outcomes: pa.Table) -> pa.Table:
    """The record that counts, of each outcome and name.

    Args:
        outcomes: rows with at least the columns of the key, received_at, occurred_at, value, final, executed, writer and seq.

    Returns:
        The same columns, `n_duplicates` and `is_conflict` (another value under the same key), in no particular order.
    """
    with Session({"outcomes": outcomes}) as session:
        return session.query(_FIRST_OUTCOMES)


def decisions(lake: Lake, loop: str, *, hours: Sequence[str] = (), version: int | None = None) -> pa.Table:
    """Each decision of those hours (none given: of all) once, in the order (decided_at, writer, seq)."""
    rows = lake.rows(DECISIONS, where=in_hours(loop, *hours), version=version)
    first = first_decisions(rows, twins_of(rows))
    columns = ", ".join("first.is_conflict" if name == "is_conflict" else f"rows.{name}" for name in DECISION_SCHEMA.names)
    with Session({"rows": rows, "first": first}) as session:
        found = session.query(
            f"SELECT {columns} FROM rows JOIN first USING (writer, seq) "  # noqa: S608 - names of our own schema
            f"QUALIFY row_number() OVER (PARTITION BY writer, seq) = 1 ORDER BY rows.decided_at, rows.writer, rows.seq"
        )
    return found.cast(DECISION_SCHEMA)


def outcomes(lake: Lake, loop: str, *, hours: Sequence[str] = (), version: int | None = None) -> pa.Table:
    """Each outcome of those hours (none given: of all) once a name, in the order in which they were received."""
    rows = lake.rows(OUTCOMES, where=in_hours(loop, *hours), version=version)
    found = first_outcomes(rows).select(OUTCOME_SCHEMA.names).cast(OUTCOME_SCHEMA)
    return found.sort_by([(name, "ascending") for name in ("received_at", "writer", "seq", "name")])


def examples(lake: Lake, loop: str, *, hours: Sequence[str] = (), version: int | None = None) -> pa.Table:
    """Each example of those hours (none given: of all) once, as last corrected, in the order (decided_at, writer, seq)."""
    rows = lake.rows(EXAMPLES, where=in_hours(loop, *hours), version=version)
    return latest(rows).sort_by([(name, "ascending") for name in ORDER])


def latest(rows: pa.Table) -> pa.Table:
    """Of example rows, with at least decision_id, hour and version, the highest version of each decision."""
    return _one_version(rows, "DESC")


def as_settled(rows: pa.Table) -> pa.Table:
    """The same, of each decision the lowest version that is there: what evidence was made of, before any correction."""
    return _one_version(rows, "ASC")


def _one_version(rows: pa.Table, order: Literal["ASC", "DESC"]) -> pa.Table:
    corrected = rows.filter(pc.greater(rows["version"], 1))["decision_id"]
    if not len(corrected):
        return rows
    has_several = pc.is_in(rows["decision_id"], value_set=corrected.combine_chunks().unique())
    with Session({"rows": rows.filter(has_several)}) as session:
        found = session.query(
            f"SELECT * FROM rows QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY version {order}) = 1"  # noqa: S608 - one of two words
        )
    schema = pa.schema([EXAMPLE_SCHEMA.field(name) for name in rows.column_names])
    return pa.concat_tables([rows.filter(pc.invert(has_several)), found.cast(schema)])


def _with_columns(table: pa.Table, columns: dict[str, pa.Array]) -> pa.Table:
    """The table with further columns."""
    return pa.table({**{name: table[name] for name in table.column_names}, **columns})
