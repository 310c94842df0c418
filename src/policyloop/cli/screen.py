"""What commands print: tables for people, JSON for scripts, and nothing else on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table


def write_json(value: Any) -> None:
    """One JSON document, indented, on stdout."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    sys.stdout.write(text + "\n")


def write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout; cells that are None stay empty."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(highlight=False, markup=False).print(table)


def write_note(text: str) -> None:
    """A sentence for people, on stderr, so that stdout stays what was asked for."""
    sys.stderr.write(text + "\n")
