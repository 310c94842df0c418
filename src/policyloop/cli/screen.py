"""What commands print: tables for people, JSON for scripts, and nothing else on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
from rich.console import Console
from rich.table import Table

from policyloop.core.clock import TimeUs, iso


def write_json(value: Any) -> None:
    """One JSON document, indented, on stdout; what is declared as a time becomes RFC 3339."""
    told = _with_times(value, msgspec.to_builtins(value, str_keys=True))
    text = msgspec.json.format(msgspec.json.encode(told), indent=2).decode()
    sys.stdout.write(text + "\n")


def _with_times(value: Any, told: Any) -> Any:
    """The builtins `told` that a value became, with its times as texts."""
    if isinstance(value, Mapping):
        return dict(zip(told, map(_with_times, value.values(), told.values()), strict=True))
    if isinstance(value, list | tuple):
        return list(map(_with_times, value, told))
    if not isinstance(value, msgspec.Struct) and not is_dataclass(value):
        return told
    kind: type = type(value)
    times = _times_of(kind)
    return {
        name: iso(one) if name in times and one is not None else _with_times(getattr(value, name), one)
        for name, one in told.items()
    }


@cache
def _times_of(kind: type) -> frozenset[str]:
    """The fields of a record that are times."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if TimeUs in (hint, *get_args(hint)))


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
