"""Model rows: which models a loop has, and what has become of each. Functions over one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from policyloop.core.errors import UnknownModel
from policyloop.storage.insert import insert_into
from policyloop.storage.records import models

State = Literal["challenger", "offline-chosen", "live", "replaced", "retired", "refused", "rolled-back"]
MAY_GO_LIVE: tuple[State, ...] = ("challenger", "offline-chosen")  # the gate has not dealt with these


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model as the records have it; all but the state never changes."""

    loop: str
    model: str  # digest
    parent: str | None  # the champion when it was trained
    spec: str  # digest of the spec it was made for
    recipe: str
    n_examples: int
    created_at: int  # microseconds since 1970 UTC
    state: State


def add(connection: sa.Connection, row: ModelRow) -> None:
    """Keep a model; one that is there already stays as it is, with its state."""
    values = {name: getattr(row, name) for name in ModelRow.__slots__}
    connection.execute(insert_into(connection, models).values(**values).on_conflict_do_nothing())


def rows(connection: sa.Connection, loop: str) -> list[ModelRow]:
    """The loop's models, oldest first."""
    query = sa.select(models).where(models.c.loop == loop).order_by(models.c.created_at, models.c.model)
    return [_row(found) for found in connection.execute(query)]


def row(connection: sa.Connection, loop: str, model: str) -> ModelRow:
    """One model.

    Raises:
        UnknownModel: the loop has none of that digest.
    """
    query = sa.select(models).where(models.c.loop == loop, models.c.model == model)
    found = connection.execute(query).first()
    if found is None:
        raise UnknownModel(loop, model)
    return _row(found)


def set_state(connection: sa.Connection, loop: str, model: str, state: State) -> None:
    """Say what has become of a model."""
    connection.execute(sa.update(models).where(models.c.loop == loop, models.c.model == model).values(state=state))


def remove_all(connection: sa.Connection, loop: str) -> None:
    """Take the loop's models out."""
    connection.execute(sa.delete(models).where(models.c.loop == loop))


def _row(found: sa.Row[Any]) -> ModelRow:
    return ModelRow(**found._mapping)
