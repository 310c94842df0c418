"""What commands print: tables for people, JSON for scripts, and nothing else on stdout."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from policyloop.core.clock import TimeUs, iso

_GAP = 2  # blanks between two columns


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
    """A table on stdout; cells that are None stay empty.

    On a terminal sentences are broken between words, and where words do not fit side by side each row becomes a block of
    lines: names and ids stay whole. Anywhere else no line is broken.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    by_column = [[column, *(row[i] for row in cells)] for i, column in enumerate(columns)]
    natural = [max(cell_len(line) for cell in told for line in cell.split("\n")) for told in by_column]
    least = [max(cell_len(word) for cell in told for word in cell.split() or [""]) for told in by_column]
    room = console.width - _GAP * (len(columns) - 1) if console.is_terminal else sum(natural)
    if sum(least) > room:
        _write_blocks(console, columns, cells)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column, width in zip(columns, _widths(natural, least, room), strict=True):
        table.add_column(column, overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    if console.is_terminal:
        console.print(table)
        return
    whole = Console(file=io.StringIO(), width=room + _GAP * len(columns), highlight=False, markup=False)
    with whole.capture() as shown:
        whole.print(table)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in shown.get().splitlines())


def _widths(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """How wide each column is: what is left of the room goes to those that want the least first."""
    widths, left = list(least), room - sum(least)
    by_want = sorted(range(len(least)), key=lambda i: natural[i] - least[i])
    for place, i in enumerate(by_want):
        more = min(natural[i] - least[i], left // (len(by_want) - place))
        widths[i] += more
        left -= more
    return widths


def _write_blocks(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """A line for each cell, with its column's name, and an empty line between rows."""
    wide = max(map(cell_len, columns))
    for number, row in enumerate(cells):
        lines = [f"{column.ljust(wide)}  {cell}".rstrip() for column, cell in zip(columns, row, strict=True)]
        console.print(("\n" if number else "") + "\n".join(lines))


def write_note(text: str) -> None:
    """A sentence for people, on stderr, so that stdout stays what was asked for."""
    sys.stderr.write(text + "\n")
