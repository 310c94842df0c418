"""What a protocol keeps of a loop where the loop's spec has no place for it: JSON in the records, by kind and name.

Question answered: what did the client set, and what was computed for it? Every server process has what was set within a
fraction of a second: a change here counts as one of the registry's, for which all of them look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from policyloop.core.clock import Clock
from policyloop.registry import loop_rows
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, protocol_rows

T = TypeVar("T", bound=msgspec.Struct)


class Kept:
    """The rows of all loops. Safe to share between threads.

    Args:
        version: a number that changes whenever a row may have; what is remembered is as old as it. None: always look.
    """

    def __init__(self, records: Records, *, clock: Clock, version: Callable[[], int | None] | None = None) -> None:
        self._records = records
        self._clock = clock
        self._version = version
        self._remembered: dict[tuple[str, str], tuple[int | None, Mapping[str, Any]]] = {}

    def find(self, loop: str, kind: str, name: str, as_type: type[T]) -> T | None:
        """One row; None when there is none of that name."""
        query = sa.select(protocol_rows.c.body).where(*_is(loop, kind, name))
        with self._records.read() as connection:
            body = connection.execute(query).scalar()
        return None if body is None else msgspec.json.decode(body, type=as_type)

    def remembered(self, loop: str, kind: str, name: str, as_type: type[T]) -> T | None:
        """The same, from memory while nothing has changed: for what is asked with every decision."""
        now = None if self._version is None else self._version()
        seen, rows = self._remembered.get((kind, name), (None, {}))
        if now is None or seen != now:
            rows = self.by_loop(kind, name, as_type)
            self._remembered[kind, name] = now, rows
        return rows.get(loop)

    def all(self, loop: str, kind: str, as_type: type[T]) -> dict[str, T]:
        """All rows of a kind by name, in the order in which they were made or last changed."""
        query = sa.select(protocol_rows.c.name, protocol_rows.c.body).where(
            protocol_rows.c.loop == loop, protocol_rows.c.kind == kind
        )
        with self._records.read() as connection:
            rows = connection.execute(query.order_by(protocol_rows.c.changed_at, protocol_rows.c.name)).all()
        return {row.name: msgspec.json.decode(row.body, type=as_type) for row in rows}

    def by_loop(self, kind: str, name: str, as_type: type[T]) -> Mapping[str, T]:
        """The row of one kind and name in every loop that has it."""
        query = sa.select(protocol_rows.c.loop, protocol_rows.c.body).where(
            protocol_rows.c.kind == kind, protocol_rows.c.name == name
        )
        with self._records.read() as connection:
            rows = connection.execute(query).all()
        return {row.loop: msgspec.json.decode(row.body, type=as_type) for row in rows}

    def put(self, loop: str, kind: str, name: str, value: msgspec.Struct) -> None:
        """Keep a row; one of the same name is replaced."""
        body = {"body": msgspec.json.encode(value).decode(), "changed_at": self._clock.now_us()}
        with self._records.write() as connection:
            row = insert_into(connection, protocol_rows).values(loop=loop, kind=kind, name=name, **body)
            connection.execute(row.on_conflict_do_update(index_elements=["loop", "kind", "name"], set_=body))
            loop_rows.count_change(connection)

    def remove(self, loop: str, kind: str, name: str) -> bool:
        """Take a row out; answers whether there was one."""
        with self._records.write() as connection:
            gone = connection.execute(sa.delete(protocol_rows).where(*_is(loop, kind, name)))
            loop_rows.count_change(connection)
            return gone.rowcount > 0


def forget(connection: sa.Connection, loop: str) -> None:
    """Take out all that protocols keep of a loop."""
    connection.execute(sa.delete(protocol_rows).where(protocol_rows.c.loop == loop))


def _is(loop: str, kind: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return protocol_rows.c.loop == loop, protocol_rows.c.kind == kind, protocol_rows.c.name == name
