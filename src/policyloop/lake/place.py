"""Where each decision is filed: the index from a decision's id to its hour, by which outcomes find their decision.

Question answered: under which hour is this decision, and so everything that belongs to it?
The index is the only authority. A repeated id is filed under its first hour, whatever its own time says, so that
duplicates meet in one partition. Ids are kept as 64 bits of BLAKE2b; hints of clients are stored and not trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from policyloop.core.clock import US_PER_HOUR, hour_of
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, decision_hours

Key = tuple[str, str]  # loop, decision id

_ROWS_PER_STATEMENT = 500  # bound parameters are limited


def file_decisions(records: Records, decided_at: Mapping[Key, int]) -> dict[Key, str]:
    """Enter decisions into the index, durably, and tell the hour of each; those known already keep theirs.

    Args:
        records: the records database.
        decided_at: microseconds by (loop, decision id); of a repeated id the smallest.
    """
    if not decided_at:
        return {}
    entries = sorted((loop, id_hash(name), at // US_PER_HOUR) for (loop, name), at in decided_at.items())
    rows = [{"loop": loop, "id_hash": hashed, "hour": hour} for loop, hashed, hour in entries]
    with records.write() as connection:
        connection.execute(insert_into(connection, decision_hours).on_conflict_do_nothing(), rows)
    return hours_of(records, decided_at)


def hours_of(records: Records, keys: Iterable[Key]) -> dict[Key, str]:
    """The hours of those decisions that are known."""
    names: dict[str, dict[int, list[str]]] = {}
    for loop, name in dict.fromkeys(keys):
        names.setdefault(loop, {}).setdefault(id_hash(name), []).append(name)
    found: dict[Key, str] = {}
    text: dict[int, str] = {}  # few hours, many decisions
    with records.read() as connection:
        for loop, by_hash in names.items():
            for hashed, hour in _looked_up(connection, loop, sorted(by_hash)):
                if hour not in text:
                    text[hour] = hour_of(hour * US_PER_HOUR)
                for name in by_hash[hashed]:
                    found[loop, name] = text[hour]
    return found


def id_hash(decision_id: str) -> int:
    """64 bits of BLAKE2b of the id, as a signed integer."""
    data = decision_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little", signed=True)


def _looked_up(connection: sa.Connection, loop: str, hashes: list[int]) -> Iterable[tuple[int, int]]:
    """(hash, hour) of those in the index."""
    wanted: sa.BindParameter[list[int]] = sa.bindparam("wanted", expanding=True)
    query = sa.select(decision_hours.c.id_hash, decision_hours.c.hour).where(
        decision_hours.c.loop == loop, decision_hours.c.id_hash.in_(wanted)
    )
    for start in range(0, len(hashes), _ROWS_PER_STATEMENT):
        for row in connection.execute(query, {"wanted": hashes[start : start + _ROWS_PER_STATEMENT]}):
            yield row.id_hash, row.hour
