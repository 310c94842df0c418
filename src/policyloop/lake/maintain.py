"""The tables kept in order: small files merged, old examples' versions dropped, what is past its time removed.

Question answered: how do the tables stay fast to read and no larger than they must be, without changing what they say?
Merging may run beside the shipper, which only appends. It keeps out of the hour `unknown`, which the shipper rewrites; sets
of candidates are put together only where none came meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow.compute as pc
import sqlalchemy as sa
from deltalake.exceptions import CommitFailedError

from policyloop.core.clock import US_PER_HOUR, from_iso, hour_of
from policyloop.lake import dirty, episode_index
from policyloop.lake.schema import ACTION_SETS, DECISIONS, EXAMPLES, OUTCOMES, SCHEMAS, TRANSITIONS, UNKNOWN_HOUR
from policyloop.lake.tables import Lake, Snapshot, in_hours
from policyloop.lake.views import latest
from policyloop.storage.records import Records, decision_hours, dirty_hours, progress

FILES_WORTH_MERGING = 8  # in one hour of one loop; merging fewer costs more than it saves
RETENTION_HOURS = 7 * 24
_MOST_SETS = 500  # of candidates, of which records are taken out at a time


def maintain(lake: Lake, *, keep: Iterable[Snapshot] = ()) -> str | None:
    """Merge and clean; what was done in words, None when there was nothing to do.

    Args:
        lake: the tables.
        keep: snapshots that stay readable, such as those that models were trained on.
    """
    n_merged = compact(lake)
    n_deleted = clean(lake, keep=keep)
    if not n_merged and not n_deleted:
        return None
    return f"merged {n_merged:,} small table files and deleted {n_deleted:,} that no version needs"


def compact(lake: Lake, *, at_least: int = FILES_WORTH_MERGING) -> int:
    """Merge small files; of corrected examples keep the latest version only, and of each set of candidates one record.

    The views say the same as before.

    Args:
        lake: the tables.
        at_least: hours with fewer files are left alone.

    Returns:
        How many files were merged into others.
    """
    n_merged = 0
    for table in SCHEMAS:
        if lake.exists(table):
            for loop, hour in lake.fragmented(table, at_least=at_least):
                if hour != UNKNOWN_HOUR:
                    if table == EXAMPLES and hour is not None:
                        _keep_latest(lake, loop, hour)
                    if table == ACTION_SETS:
                        _keep_first(lake, loop)
                    n_merged += lake.merge_files(table, loop=loop, hour=hour)
    return n_merged


def clean(lake: Lake, *, keep: Iterable[Snapshot] = (), retention_hours: int = RETENTION_HOURS) -> int:
    """Delete files that no version younger than `retention_hours` uses. Returns how many went.

    Args:
        lake: the tables.
        keep: snapshots that stay readable however old they are.
        retention_hours: how far behind a reader may be.
    """
    pinned = list(keep)
    return sum(
        lake.vacuum(table, retention_hours=retention_hours, keep=sorted({s[table] for s in pinned if table in s}))
        for table in SCHEMAS
        if lake.exists(table)
    )


def expire(lake: Lake, records: Records, loop: str, *, before: str) -> None:
    """Remove the hours of a loop before `before` (`2026-11-01T07`) from all tables, and what the records know of them.

    Outcomes that were received before it and never found their decision go too. Files go with a later `clean`.
    """
    time = from_iso(f"{before}:00:00Z")
    for table in SCHEMAS:
        if lake.exists(table) and "hour" in SCHEMAS[table].names:
            lake.remove(table, where=f"{in_hours(loop)} AND hour < '{before}'")
    if lake.exists(OUTCOMES):
        lake.remove(OUTCOMES, where=f"{in_hours(loop, UNKNOWN_HOUR)} AND received_at < {time:d}")
    state = f"hour:{loop}:"
    with records.write() as connection:
        connection.execute(
            sa.delete(decision_hours).where(decision_hours.c.loop == loop, decision_hours.c.hour < time // US_PER_HOUR)
        )
        connection.execute(sa.delete(dirty_hours).where(dirty_hours.c.loop == loop, dirty_hours.c.hour < before))
        episode_index.forget(connection, loop, before=before)
        connection.execute(
            sa.delete(progress).where(progress.c.name.startswith(state, autoescape=True), progress.c.name < f"{state}{before}")
        )


def forget_before(lake: Lake, records: Records, loop: str, *, time: int) -> None:
    """Remove all of a loop that was received before a moment, events and examples.

    The examples of that moment's hour go whole, and the hour is marked: the next join makes those again that are left.
    Nothing from before may be left in the log. Sets of candidates stay, since later decisions refer to them.
    """
    hour = hour_of(time)
    expire(lake, records, loop, before=hour)
    removed = {
        DECISIONS: f"{in_hours(loop, hour)} AND decided_at < {time:d}",
        OUTCOMES: f"{in_hours(loop, hour, UNKNOWN_HOUR)} AND received_at < {time:d}",
        EXAMPLES: in_hours(loop, hour),
        TRANSITIONS: in_hours(loop, hour),
    }
    for table, where in removed.items():
        if lake.exists(table):
            lake.remove(table, where=where)
    with records.write() as connection:
        connection.execute(sa.delete(progress).where(progress.c.name == f"hour:{loop}:{hour}"))
    dirty.mark(records, [(loop, hour)])


def forget(lake: Lake, records: Records, loop: str) -> None:
    """Remove all of a loop's rows from the tables, and what the records know of where they were."""
    for name in SCHEMAS:
        if lake.exists(name):
            lake.remove(name, where=in_hours(loop))
    with records.write() as connection:
        for table in (decision_hours, dirty_hours):
            connection.execute(sa.delete(table).where(table.c.loop == loop))
        episode_index.forget(connection, loop)
        for kind in ("hour", "import"):  # a history that was imported may be imported again
            connection.execute(sa.delete(progress).where(progress.c.name.startswith(f"{kind}:{loop}:", autoescape=True)))


def _keep_latest(lake: Lake, loop: str, hour: str) -> None:
    """Write an hour's examples anew where some were corrected."""
    where = in_hours(loop, hour)
    rows = lake.rows(EXAMPLES, where=where)
    if rows.num_rows and pc.max(rows["version"]).as_py() > 1:
        last = latest(rows)
        if last.num_rows < rows.num_rows:
            lake.replace(EXAMPLES, last, where=where)


def _keep_first(lake: Lake, loop: str) -> None:
    """Of sets of candidates that several processes logged, keep the record that came first."""
    handle = lake.open(ACTION_SETS)
    version = handle.version()
    counted = pc.value_counts(lake.rows(ACTION_SETS, where=in_hours(loop), columns=["set_hash"], version=version)["set_hash"])
    repeated = counted.field("values").filter(pc.greater(counted.field("counts"), 1)).to_pylist()[:_MOST_SETS]
    if not repeated:
        return
    where = f"{in_hours(loop)} AND set_hash IN ({', '.join(map(repr, repeated))})"  # digests need no escaping
    rows = lake.rows(ACTION_SETS, where=where, version=version).sort_by("first_seen_at")
    first: dict[str, int] = {}
    for place, digest in enumerate(rows["set_hash"].to_pylist()):
        first.setdefault(digest, place)
    try:
        lake.replace_through(handle, rows.take(list(first.values())), where=where)
    except CommitFailedError:
        return  # some of them came once more just now: the next time will do
