"""SQL over Arrow tables: with lake/sql_reader.py all that knows DuckDB. It sees the tables it is given, and nothing else.

Question answered: what does this query say of these tables?
No files, no network, no extensions, no settings from within; results are whole Arrow tables, because an abandoned
DuckDB result can abort the process at its end.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import TracebackType

import duckdb
import pyarrow as pa

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "enable_external_access": "false",
    "python_enable_replacements": "false",  # a query must not see the caller's variables
}


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """The process's one database: to make one takes 40 ms of CPU, a session of it less than one."""
    connection = duckdb.connect(":memory:", config=_SETTINGS)
    connection.execute("SET lock_configuration = true")
    return connection


class Session:
    """A view of the database that holds nothing but its own tables. Use as a context manager; one thread at a time."""

    def __init__(self, tables: Mapping[str, pa.Table] | None = None) -> None:
        self._connection = _database().cursor()
        for name, table in (tables or {}).items():
            self.put(name, table)

    def put(self, name: str, table: pa.Table) -> None:
        """Make a table visible to queries, without copying it; one of that name is replaced."""
        self._connection.register(name, table)

    def query(self, statement: str) -> pa.Table:
        """The whole result of one statement. Nothing that a user wrote belongs into its text; put it into a table."""
        return self._connection.sql(statement).to_arrow_table()

    def keep(self, name: str, statement: str) -> None:
        """Hold a query's result under a name, for queries that follow."""
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {statement}")

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()
