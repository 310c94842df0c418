"""What the last join of each hour left, kept in the records: counts, and when the hour is due again.

Question answered: how many examples has this loop, and which hours wait for what? Light: needs no tables.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from policyloop.join.audit import Audit
from policyloop.lake import dirty
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress


class HourState(msgspec.Struct, frozen=True):
    """What the last join of an hour left, as it is kept in the records."""

    marked: int  # the mark that it saw
    terms: str  # digest of what the spec said of outcomes and reward
    due: int | None  # the watermark at which the next decision matures
    first_waiting: int | None  # decided_at of the earliest decision that waits, microseconds
    audit: Audit


def first_waiting(records: Records, loop: str) -> int | None:
    """When the loop's earliest decision that still waits was made, microseconds; None when none waits."""
    times = [state.first_waiting for state in hour_states(records, loop).values() if state.first_waiting is not None]
    return min(times, default=None)


def n_examples(records: Records, loop: str) -> int:
    """Settled examples of a loop, of both splits, as its last joins counted them."""
    return sum(state.audit.examples for state in hour_states(records, loop).values())


def hour_states(records: Records, loop: str) -> dict[str, HourState]:
    """Hour -> what its last join left, of the hours that were ever joined."""
    prefix = _name(loop, "")
    query = sa.select(progress.c.name, progress.c.text).where(progress.c.name.startswith(prefix, autoescape=True))
    with records.read() as connection:
        rows = connection.execute(query).all()
    return {row.name.removeprefix(prefix): msgspec.json.decode(row.text, type=HourState) for row in rows}


def _name(loop: str, hour: str) -> str:
    return f"hour:{loop}:{hour}"


def remember(records: Records, loop: str, hour: str, state: HourState) -> None:
    """Keep what a join left; an hour in which nothing waits loses its mark, unless it was marked again."""
    text = msgspec.json.encode(state).decode()
    with records.write() as connection:
        statement = insert_into(connection, progress).values(name=_name(loop, hour), value=state.due, text=text)
        connection.execute(
            statement.on_conflict_do_update(index_elements=[progress.c.name], set_={"value": state.due, "text": text})
        )
        if state.due is None:
            dirty.clear(connection, loop, hour, marked=state.marked)
