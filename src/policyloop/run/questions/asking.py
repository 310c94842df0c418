"""The tables as a person asks of them: views that say each thing once, made only for what a question names.

Question answered: what do the tables of this deployment say? A view reads the columns and hours that a question touches and
no others. A decision or outcome that was logged several times is there once, as for the join; of an example the last version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from policyloop.core.settings import QUERY_MEMORY_MIB, QUERY_TIMEOUT_S
from policyloop.lake.schema import DECISIONS, EXAMPLES, OUTCOMES, SCHEMAS, TRANSITIONS
from policyloop.lake.sql_reader import Reader, tables_named
from policyloop.run.deployment import Deployment

EPISODES, MODELS, VERDICTS = "episodes", "models", "verdicts"
_IDENTITY = {  # of tables whose rows may be there several times: what is the same, and which row counts
    DECISIONS: ("loop, hour, decision_id", "decided_at, writer, seq"),
    OUTCOMES: ("loop, hour, decision_id, outcome_id, name", "received_at, writer, seq"),
    EXAMPLES: ("loop, hour, decision_id", "version DESC"),
}
VIEWS = (DECISIONS, OUTCOMES, EXAMPLES, TRANSITIONS, EPISODES, MODELS, VERDICTS)

_EPISODES = f"""
SELECT loop, hour, episode_id, count(*) AS length, sum(reward) AS return,
    bool_or(terminated) AS terminated, NOT bool_or(terminated) AS truncated,
    max(step) - min(step) + 1 > count(*) AS has_gaps,
    CASE WHEN min(policy) = max(policy) THEN min(policy) END AS policy, min(split) AS split,
    avg((action_source = 'random')::INTEGER) AS share_random
FROM {TRANSITIONS} GROUP BY loop, hour, episode_id
"""  # noqa: S608 - a name of our own
_MODEL_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("loop", "model", "state", "parent", "spec", "recipe")),
        *((name, pa.int64()) for name in ("n_examples", "created_at")),
    ]
)
_VERDICT_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("loop", "kind", "verdict", "model", "champion", "sentence")),
        *((name, pa.int64()) for name in ("n_evidence", "at")),
    ]
)
_MOST_VERDICTS = 100_000  # a loop


def ask(
    deployment: Deployment,
    statement: str,
    *,
    loop: str | None = None,
    timeout_s: float = QUERY_TIMEOUT_S,
    memory_mib: int = QUERY_MEMORY_MIB,
) -> Iterator[pa.RecordBatch]:
    """What a SELECT answers, some rows at a time; the first batch is empty and tells the columns.

    Args:
        deployment: the open data folder.
        statement: one SELECT over the views.
        loop: whose rows the views have; None: those of all loops.
        timeout_s: after so long it ends, seconds.
        memory_mib: what it may take, MiB.

    Raises:
        UnknownLoop: no loop has that name.
        QueryRefused: the statement is more than a question.
        QueryFailed: it cannot be carried out, or takes too long or too much.
    """
    name = None if loop is None else deployment.registry.standing(loop).spec.loop
    named = tables_named(statement)
    wanted = named & set(VIEWS) or set(VIEWS)  # SHOW TABLES and the like name none
    stored = [table for table in SCHEMAS if table in wanted or (table == TRANSITIONS and EPISODES in wanted)]
    files = {table: deployment.lake.files(table, loop=name) for table in stored}
    paths = [path for some in files.values() for path in some]
    with Reader(paths, memory_bytes=memory_mib * 2**20, timeout_s=timeout_s) as reader:
        for table in stored:
            _define(reader, table, files[table])
        if EPISODES in wanted:
            reader.define(EPISODES, _EPISODES)
        for view, rows in ((MODELS, _models), (VERDICTS, _verdicts)):
            if view in wanted:
                reader.put(view, rows(deployment, name))
        yield from reader.ask(statement)


def _define(reader: Reader, table: str, files: Sequence[str]) -> None:
    """The view of a stored table."""
    listed = ", ".join(_quoted(path) for path in files)
    # Without autocast: a loop may be called 2026.
    rows = f"read_parquet([{listed}], hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"
    there = reader.columns(f"SELECT * FROM {rows}") if files else {}  # noqa: S608 - our own paths, quoted
    kinds = reader.kinds(SCHEMAS[table])
    columns = ", ".join(name if name in there else f"NULL::{kind} AS {name}" for name, kind in kinds.items())
    source = f" FROM {rows}" if files else " WHERE false"
    select = f"SELECT {columns}{source}"
    if files and table in _IDENTITY:
        same, order = _IDENTITY[table]
        is_repeated = "max(version) > 1" if table == EXAMPLES else f"count(*) > count(DISTINCT hash({same}))"
        if reader.value(f"SELECT {is_repeated} FROM {rows}"):  # noqa: S608 - our own paths, quoted
            select += f" QUALIFY row_number() OVER (PARTITION BY {same} ORDER BY {order}) = 1"
    reader.define(table, select)


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _loops(deployment: Deployment, loop: str | None) -> list[str]:
    return sorted(deployment.registry.standings()) if loop is None else [loop]


def _models(deployment: Deployment, loop: str | None) -> pa.Table:
    """The models of loops, oldest first."""
    names = [name for name in _MODEL_SCHEMA.names if name != "loop"]
    rows = [
        {"loop": one, **{name: getattr(row, name) for name in names}}
        for one in _loops(deployment, loop)
        for row in deployment.registry.models(one)
    ]
    return pa.Table.from_pylist(rows, _MODEL_SCHEMA)


def _verdicts(deployment: Deployment, loop: str | None) -> pa.Table:
    """What was decided about models, newest first."""
    told = ("kind", "model", "champion", "sentence", "n_evidence")
    rows = [
        {"loop": one, "at": row.at, "verdict": row.verdict.call, **{name: getattr(row.verdict, name) for name in told}}
        for one in _loops(deployment, loop)
        for row in deployment.registry.verdicts(one, limit=_MOST_VERDICTS)
    ]
    return pa.Table.from_pylist(rows, _VERDICT_SCHEMA)
