"""Inserts that say what to do when the row is there already; SQLite and PostgreSQL say it in the same words."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Insert = sqlite.Insert | postgresql.Insert


def insert_into(connection: sa.Connection, table: sa.Table) -> Insert:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update`, in the database's own dialect."""
    # The engine has loaded its dialect by now; naming both here would load the other for nothing.
    dialect = importlib.import_module(f"sqlalchemy.dialects.{connection.dialect.name}")
    made: Insert = dialect.insert(table)
    return made
