"""Where each episode is: the hours under which its decisions are filed. The first of them is the episode's own.

Question answered: which hours must be read to put this episode together, and under which hour does it go?
Decisions arrive in any order, so an episode's first hour may still become an earlier one. Ids are kept as 64 bits of BLAKE2b.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from policyloop.core.clock import US_PER_HOUR, from_iso, hour_of
from policyloop.lake.place import id_hash
from policyloop.storage.insert import insert_into
from policyloop.storage.records import episode_hours

_IDS_PER_STATEMENT = 500  # bound parameters are limited


def enter(connection: sa.Connection, loop: str, hour: str, episodes: Iterable[str]) -> set[str]:
    """Note that these episodes have decisions in an hour. Returns the hours that they begin in, or began in until now."""
    hashes = sorted({id_hash(name) for name in episodes})
    number = _number(hour)
    before = _first_hours(connection, loop, hashes)
    rows = [{"loop": loop, "id_hash": hashed, "hour": number} for hashed in hashes]
    if rows:
        connection.execute(insert_into(connection, episode_hours).on_conflict_do_nothing(), rows)
    now = {number if hashed not in before else min(number, before[hashed]) for hashed in hashes}
    return {_text(one) for one in now | set(before.values())}


def hours_of_episodes_in(connection: sa.Connection, loop: str, hour: str) -> tuple[set[int], list[str]]:
    """The hashes of episodes that have decisions in an hour but began before it, and all hours of those that begin in it."""
    number = _number(hour)
    here = sa.select(episode_hours.c.id_hash).where(episode_hours.c.loop == loop, episode_hours.c.hour == number)
    earlier = (
        sa.select(episode_hours.c.id_hash)
        .where(episode_hours.c.loop == loop, episode_hours.c.hour < number, episode_hours.c.id_hash.in_(here))
        .distinct()
    )
    began_before = set(connection.execute(earlier).scalars())
    later = (
        sa.select(episode_hours.c.hour, episode_hours.c.id_hash)
        .where(episode_hours.c.loop == loop, episode_hours.c.hour > number, episode_hours.c.id_hash.in_(here))
        .distinct()
    )
    hours = {number, *(row.hour for row in connection.execute(later) if row.id_hash not in began_before)}
    return began_before, [_text(one) for one in sorted(hours)]


def forget(connection: sa.Connection, loop: str, *, before: str | None = None) -> None:
    """Forget the hours of a loop before that one; None: all of them."""
    statement = sa.delete(episode_hours).where(episode_hours.c.loop == loop)
    connection.execute(statement if before is None else statement.where(episode_hours.c.hour < _number(before)))


def _first_hours(connection: sa.Connection, loop: str, hashes: Sequence[int]) -> dict[int, int]:
    """The first hour of those episodes that are known."""
    wanted: sa.BindParameter[list[int]] = sa.bindparam("wanted", expanding=True)
    query = (
        sa.select(episode_hours.c.id_hash, sa.func.min(episode_hours.c.hour).label("first"))
        .where(episode_hours.c.loop == loop, episode_hours.c.id_hash.in_(wanted))
        .group_by(episode_hours.c.id_hash)
    )
    found: dict[int, int] = {}
    for start in range(0, len(hashes), _IDS_PER_STATEMENT):
        for row in connection.execute(query, {"wanted": hashes[start : start + _IDS_PER_STATEMENT]}):
            found[row.id_hash] = row.first
    return found


def _number(hour: str) -> int:
    """Hours since 1970 UTC."""
    return from_iso(f"{hour}:00:00Z") // US_PER_HOUR


def _text(number: int) -> str:
    return hour_of(number * US_PER_HOUR)
