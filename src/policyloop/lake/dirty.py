"""Which hours' examples may be out of date: marked by whoever adds rows, cleared by the join when nothing waits.

Question answered: what must be joined again?
A mark is a number that rises, so that one made while a join runs survives that join.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, dirty_hours


def mark(records: Records, hours: Iterable[tuple[str, str]]) -> None:
    """Mark (loop, hour) pairs, durably."""
    rows = [{"loop": loop, "hour": hour, "marked": 1} for loop, hour in sorted(set(hours))]
    if not rows:
        return
    with records.write() as connection:
        again = insert_into(connection, dirty_hours).on_conflict_do_update(
            index_elements=[dirty_hours.c.loop, dirty_hours.c.hour], set_={"marked": dirty_hours.c.marked + 1}
        )
        connection.execute(again, rows)


def marks(records: Records, loop: str) -> dict[str, int]:
    """Hour -> mark of a loop's marked hours, in order of time."""
    query = sa.select(dirty_hours.c.hour, dirty_hours.c.marked).where(dirty_hours.c.loop == loop).order_by(dirty_hours.c.hour)
    with records.read() as connection:
        return {row.hour: row.marked for row in connection.execute(query)}


def clear(connection: sa.Connection, loop: str, hour: str, *, marked: int) -> None:
    """Take a mark away, unless it has risen above `marked` since."""
    connection.execute(
        sa.delete(dirty_hours).where(dirty_hours.c.loop == loop, dirty_hours.c.hour == hour, dirty_hours.c.marked == marked)
    )
