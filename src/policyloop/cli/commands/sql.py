"""Ask the tables in SQL: decisions, outcomes, examples, transitions, episodes, models and verdicts; reading only."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_note, write_table
from policyloop.core.settings import QUERY_MEMORY_MIB, QUERY_TIMEOUT_S
from policyloop.run.questions.asking import ask

_MOST_SHOWN = 200  # rows on a screen
_MOST_CHARACTERS = 60  # of a value on a screen


def run(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT, in quotes.", show_default=False)],
    loop: Annotated[str | None, typer.Option("--loop", help="Only this loop's rows.", show_default=False)] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="End it after so many seconds.")] = QUERY_TIMEOUT_S,
    memory: Annotated[int, typer.Option("--memory-mib", min=64, help="What the query may take.")] = QUERY_MEMORY_MIB,
    home: HomeFolder = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV, all rows.")] = False,
) -> None:
    """Ask the tables in SQL, such as: policyloop sql "SELECT policy, avg(return) FROM episodes GROUP BY policy".

    Tables are decisions, outcomes, examples, transitions, episodes, models and verdicts. A query only reads.
    """
    with open_project(home) as deployment:
        batches = ask(deployment, query, loop=loop, timeout_s=timeout, memory_mib=memory)
        columns = next(batches).schema.names
        if as_json:
            _write_json(columns, _rows(batches))
        elif as_csv:
            _write_csv(columns, _rows(batches))
        else:
            _write_screen(columns, _rows(batches))


def _rows(batches: Iterator[pa.RecordBatch]) -> Iterator[list[Any]]:
    """The rows, as plain values."""
    for batch in batches:
        yield from (list(map(_plain, row)) for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, Decimal):  # what SQL makes of sums of whole numbers
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value


def _write_json(columns: list[str], rows: Iterator[list[Any]]) -> None:
    """An array of objects, one a line, written as the rows come."""
    before = "["
    for row in rows:
        sys.stdout.write(before + "\n  " + msgspec.json.encode(dict(zip(columns, row, strict=True))).decode())
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def _write_csv(columns: list[str], rows: Iterator[list[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)


def _write_screen(columns: list[str], rows: Iterator[list[Any]]) -> None:
    """The first rows as a table."""
    shown: list[list[Any]] = []
    n_more = 0
    for row in rows:
        if len(shown) < _MOST_SHOWN:
            shown.append([_shown(value) for value in row])
        else:
            n_more += 1
            break
    write_table(columns, shown)
    if n_more:
        write_note(f"These are the first {_MOST_SHOWN} rows; --csv and --json give all.")


def _cell(value: Any) -> Any:
    """A value in one cell: lists and the like as JSON."""
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else value


def _shown(value: Any) -> str | None:
    """A value on a screen: numbers short, long texts cut."""
    if value is None:
        return None
    text = f"{value:.6g}" if isinstance(value, float) else str(_cell(value))
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
