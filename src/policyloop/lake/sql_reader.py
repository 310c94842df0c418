"""What a person asks in SQL: read files of tables, nothing else, and in bounds. With lake/sql.py all that knows DuckDB.

Question answered: what does this statement say of these tables, and is it no more than a question?
A statement is looked at before it runs: one SELECT, whose tables are known and whose functions read nothing. The database
then holds no door open either: files are those of the tables, extensions and settings are shut, memory and time end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from policyloop.core.errors import QueryFailed, QueryRefused

_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})  # that make rows of their arguments alone
_ROWS_PER_BATCH = 10_000
_MIB = 2**20


def tables_named(statement: str) -> set[str]:
    """The names of tables and of parts of its own (WITH) that a statement reads, in lower case.

    Raises:
        QueryRefused: it is more than one SELECT.
        QueryFailed: it cannot be read.
    """
    with duckdb.connect(":memory:") as connection:
        try:
            parsed = duckdb.extract_statements(statement)
        except duckdb.Error as error:
            raise QueryFailed(_told(error)) from None
        if len(parsed) != 1:
            raise QueryRefused("there is no statement" if not parsed else f"there are {len(parsed)} statements")
        kind = parsed[0].type.name
        if kind != "SELECT":
            raise QueryRefused(f"the statement is no SELECT but {'PIVOT' if kind == 'MULTI' else kind.replace('_', ' ')}")
        told = connection.execute("SELECT json_serialize_sql(?)", [statement]).fetchone()
    assert told is not None, "a scalar function gives a row"
    tree = msgspec.json.decode(told[0])
    if tree.get("error"):
        raise QueryRefused(f"the statement cannot be looked into ({tree.get('error_message')})")
    return _checked(tree)


def _checked(tree: Any) -> set[str]:
    """Names of tables in a parsed statement."""
    tables: set[str] = set()
    for node in _nodes(tree):
        if node.get("type") == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"]).lower()
            if name not in _TABLE_FUNCTIONS:
                raise QueryRefused(f"the function '{name}' reads something else than the tables")
        if node.get("type") == "BASE_TABLE":
            if node.get("schema_name") or node.get("catalog_name"):
                raise QueryRefused(f"'{node['schema_name']}.{node['table_name']}' is none of the tables")
            tables.add(str(node["table_name"]).lower())
    return tables


def _nodes(tree: Any) -> Iterator[Mapping[str, Any]]:
    """All objects in a tree."""
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


class Reader:
    """A database for one question. Use as a context manager; `define` and `put` come before `ask`."""

    def __init__(self, files: Sequence[str], *, memory_bytes: int, timeout_s: float) -> None:
        """Open it.

        Args:
            files: paths of the Parquet files that it may read.
            memory_bytes: what a query may take; it is not written to disk when it needs more.
            timeout_s: after so long a query ends, seconds.
        """
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",  # a query must not see the caller's variables
            "memory_limit": f"{max(memory_bytes // _MIB, 1)}MiB",
            "temp_directory": "",
        }
        self._connection = duckdb.connect(":memory:", config=settings)
        self._connection.execute("SET allowed_paths = ?", [list(files)])
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        self._timeout_s = timeout_s
        self._is_late = False

    def put(self, name: str, table: pa.Table) -> None:
        """Make a table in memory visible."""
        self._connection.register(name, table)

    def define(self, name: str, select: str) -> None:
        """Make a query visible under a name. Nothing that a user wrote belongs into its text."""
        self._connection.execute(f"CREATE VIEW {name} AS {select}")

    def value(self, select: str) -> Any:
        """The one value of a query of our own."""
        row = self._connection.execute(select).fetchone()
        assert row is not None, "an aggregate gives a row"
        return row[0]

    def columns(self, select: str) -> dict[str, str]:
        """Name -> type of the columns that a query of our own gives."""
        rows = self._connection.execute(f"DESCRIBE {select}").fetchall()
        return {row[0]: row[1] for row in rows}

    def kinds(self, schema: pa.Schema) -> dict[str, str]:
        """The columns of a schema, with the types that the database calls theirs."""
        self._connection.register("of_schema", schema.empty_table())
        kinds = self.columns("SELECT * FROM of_schema")
        self._connection.unregister("of_schema")
        return kinds

    def ask(self, statement: str) -> Iterator[pa.RecordBatch]:
        """What a statement answers, some rows at a time; the first batch may be empty, but tells the columns.

        Raises:
            QueryFailed: it cannot be carried out, or takes too long or too much.
        """
        timer = threading.Timer(self._timeout_s, self._stop)
        timer.daemon = True
        timer.start()
        try:
            reader: pa.RecordBatchReader = self._connection.sql(statement).to_arrow_reader(_ROWS_PER_BATCH)
            yield _empty(reader.schema)
            yield from reader
        except (duckdb.Error, RuntimeError, MemoryError, OverflowError) as error:
            raise self._failed(error) from None
        finally:
            timer.cancel()

    def _stop(self) -> None:
        self._is_late = True
        self._connection.interrupt()

    def _failed(self, error: Exception) -> QueryFailed:
        if self._is_late:
            return QueryFailed(
                f"the query took longer than {self._timeout_s:g} s; ask for fewer hours or columns, or give it more time "
                f"(`--timeout`)."
            )
        if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
            return QueryFailed(
                "the query needs more memory than it may have; ask for fewer hours or columns, or give it more "
                "(`--memory-mib`)."
            )
        return QueryFailed(_told(error))

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()


def _empty(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _told(error: Exception) -> str:
    """What DuckDB says, without its classes' names."""
    text = str(error).strip()
    for prefix in ("Parser Error: ", "Binder Error: ", "Catalog Error: ", "Conversion Error: ", "Invalid Input Error: "):
        text = text.removeprefix(prefix)
    return f"the query cannot be carried out: {text}"
