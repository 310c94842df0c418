"""Loop rows: what holds now in each loop. Functions over one connection; the registry decides what is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from policyloop.core.errors import UnknownLoop
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import to_json
from policyloop.storage.insert import insert_into
from policyloop.storage.records import loops, progress, specs

_VERSION = "registry"  # the name under which `progress` counts every change of any loop


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopRow:
    """One loop as the records have it."""

    loop: str
    spec_version: int
    champion: str | None  # model digest; None: the baseline decides
    previous: str | None  # what a rollback goes back to
    anchor: str | None  # the last model that passed a challenge, or the first
    is_paused: bool  # the baseline decides, whoever is champion
    is_frozen: bool  # nothing is promoted
    version: int  # rises with every change of this row
    changed_at: int  # microseconds since 1970 UTC


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecRow:
    """One version of a loop's spec."""

    loop: str
    version: int  # 1, 2, ...
    digest: str
    recipe: str
    body: str  # canonical JSON
    applied_at: int


def rows(connection: sa.Connection) -> list[LoopRow]:
    """All loops, by name."""
    return [_row(found) for found in connection.execute(sa.select(loops).order_by(loops.c.loop))]


def row(connection: sa.Connection, loop: str) -> LoopRow:
    """One loop, locked until the end of the transaction where the database locks rows.

    Raises:
        UnknownLoop: there is none of that name.
    """
    found = connection.execute(sa.select(loops).where(loops.c.loop == loop).with_for_update()).first()
    if found is None:
        raise UnknownLoop(loop, [name for (name,) in connection.execute(sa.select(loops.c.loop))])
    return _row(found)


def add(connection: sa.Connection, loop: str, *, now_us: int) -> None:
    """A new loop, under version 1 of its spec."""
    empty = {"champion": None, "previous": None, "anchor": None, "is_paused": 0, "is_frozen": 0}
    connection.execute(sa.insert(loops).values(loop=loop, spec_version=1, version=1, changed_at=now_us, **empty))
    count_change(connection)


def change(connection: sa.Connection, loop: str, values: Mapping[str, Any], *, now_us: int) -> None:
    """Set columns of a loop's row; its version rises by one."""
    where = loops.c.loop == loop
    connection.execute(sa.update(loops).where(where).values(version=loops.c.version + 1, changed_at=now_us, **values))
    count_change(connection)


def remove(connection: sa.Connection, loop: str) -> None:
    """Take a loop and its specs out."""
    connection.execute(sa.delete(loops).where(loops.c.loop == loop))
    connection.execute(sa.delete(specs).where(specs.c.loop == loop))
    count_change(connection)


def n_changes(connection: sa.Connection) -> int:
    """How often any loop has changed since the records were made; cheap, for those who poll."""
    found = connection.execute(sa.select(progress.c.value).where(progress.c.name == _VERSION)).scalar()
    return int(found or 0)


def add_spec(connection: sa.Connection, spec: SpecRow) -> None:
    """Keep a version of a spec."""
    connection.execute(
        sa.insert(specs).values(
            loop=spec.loop,
            version=spec.version,
            digest=spec.digest,
            recipe=spec.recipe,
            body=spec.body,
            applied_at=spec.applied_at,
        )
    )


def spec_row(spec: LoopSpec, *, version: int, now_us: int) -> SpecRow:
    """A spec as one version of its loop's."""
    return SpecRow(
        loop=spec.loop, version=version, digest=spec.digest, recipe=spec.recipe, body=to_json(spec), applied_at=now_us
    )


def spec_rows(connection: sa.Connection, loop: str) -> list[SpecRow]:
    """All versions of a loop's spec, oldest first."""
    found = connection.execute(sa.select(specs).where(specs.c.loop == loop).order_by(specs.c.version))
    return [_spec(version) for version in found]


def count_change(connection: sa.Connection) -> None:
    """Let those who poll know that something changed."""
    first = insert_into(connection, progress).values(name=_VERSION, value=1)
    connection.execute(first.on_conflict_do_update(index_elements=["name"], set_={"value": progress.c.value + 1}))


def _row(found: sa.Row[Any]) -> LoopRow:
    values = dict(found._mapping)
    return LoopRow(**(values | {"is_paused": bool(values["is_paused"]), "is_frozen": bool(values["is_frozen"])}))


def _spec(found: sa.Row[Any]) -> SpecRow:
    return SpecRow(**found._mapping)
