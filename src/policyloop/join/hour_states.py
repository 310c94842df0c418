"""What the last join of each hour left, kept in the records: counts, and when the hour is due again.

Question answered: how many examples has this loop, and which hours wait for what? Light: needs no tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import sqlalchemy as sa

from policyloop.core.loop import LoopSpec
from policyloop.join.audit import Audit
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.lake import dirty
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress


@dataclass(frozen=True, slots=True)
class Brought:
    """What joining some hours changed in the table of examples, or of transitions."""

    n_hours: int = 0
    n_new: int = 0
    n_corrected: int = 0
    n_withdrawn: int = 0  # no longer settled or over: the window became longer, or more steps came

    def __add__(self, other: Brought) -> Brought:
        return Brought(
            self.n_hours + other.n_hours,
            self.n_new + other.n_new,
            self.n_corrected + other.n_corrected,
            self.n_withdrawn + other.n_withdrawn,
        )


class HourState(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the last join of an hour left, as it is kept in the records."""

    marked: int  # the mark that it saw
    terms: str  # digest of what the spec said of outcomes and reward
    due: int | None  # the watermark at which the next decision matures
    first_waiting: int | None  # decided_at of the earliest decision that waits, microseconds
    audit: Audit
    episodes: EpisodeAudit | None = None  # of the episodes that begin in it; None in loops without


def first_waiting(records: Records, loop: str) -> int | None:
    """When the loop's earliest decision that still waits was made, microseconds; None when none waits."""
    times = [state.first_waiting for state in hour_states(records, loop).values() if state.first_waiting is not None]
    return min(times, default=None)


def n_examples(records: Records, loop: str) -> int:
    """Settled examples of a loop, of both splits, as its last joins counted them."""
    return sum(state.audit.examples for state in hour_states(records, loop).values())


def n_episodes(records: Records, loop: str) -> int:
    """Episodes of a loop that are over, of both splits, as its last joins counted them."""
    states = hour_states(records, loop).values()
    return sum(state.episodes.episodes for state in states if state.episodes is not None)


def n_waiting(records: Records, loop: str) -> int:
    """Episodes of a loop that are not over, or whose outcomes may still come."""
    states = hour_states(records, loop).values()
    return sum(state.episodes.episodes_waiting for state in states if state.episodes is not None)


def n_settled(records: Records, spec: LoopSpec) -> int:
    """What a loop's trainings are scheduled by: its settled examples, or its episodes that are over."""
    return n_examples(records, spec.loop) if spec.episodes is None else n_episodes(records, spec.loop)


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
    with records.write() as connection:
        _keep(connection, loop, hour, state)
        if state.due is None:
            dirty.clear(connection, loop, hour, marked=state.marked)


def make_due(connection: sa.Connection, loop: str, hours: Iterable[str]) -> None:
    """Have the next join of a loop's episodes look at these hours, whatever the watermark."""
    for hour in sorted(hours):
        text = connection.execute(sa.select(progress.c.text).where(progress.c.name == _name(loop, hour))).scalar()
        known = _NEW if text is None else msgspec.json.decode(text, type=HourState)
        _keep(connection, loop, hour, msgspec.structs.replace(known, due=0))


def _keep(connection: sa.Connection, loop: str, hour: str, state: HourState) -> None:
    text = msgspec.json.encode(state).decode()
    statement = insert_into(connection, progress).values(name=_name(loop, hour), value=state.due, text=text)
    connection.execute(
        statement.on_conflict_do_update(index_elements=[progress.c.name], set_={"value": state.due, "text": text})
    )


_NEW = HourState(marked=0, terms="", due=0, first_waiting=None, audit=Audit())  # an hour that was never joined
