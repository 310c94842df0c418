"""A table in a text file: comma, tab, semicolon or blank between the cells, with or without a line of names.

Question answered: which columns does the file have, and what stands in them?
"""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

from policyloop.core.errors import Fault, Invalid

MAX_ROWS = 100_000  # enough to see types and values
_SEPARATORS = {".": (",", "\t", ";", " "), ",": ("\t", ";", ",", " ")}  # by what stands before decimals


def read_columns(path: Path, *, decimal: str = ".") -> dict[str, list[str]]:
    """Texts by column name, of at most MAX_ROWS rows; columns without a name are f1, f2, ...

    Args:
        path: of the file.
        decimal: what stands before the decimals of its numbers; they are answered with a point.

    Raises:
        Invalid: the file cannot be read, or its rows are of different lengths.
    """
    rows = [[_with_point(cell, decimal) for cell in row] for row in _rows(path, decimal)]
    if not rows:
        raise Invalid([Fault(str(path), "has no rows; expected a table with at least one.")])
    is_named = len(rows) > 1 and all(cell and not _is_number(cell) for cell in rows[0]) and len(set(rows[0])) == len(rows[0])
    names = rows[0] if is_named and not _looks_like_data(rows) else [f"f{i + 1}" for i in range(len(rows[0]))]
    body = rows[1:] if names is rows[0] else rows
    for n, row in enumerate(body):
        if len(row) != len(names):
            line = n + 1 + (names is rows[0])
            found = f"{len(row)} cell{'s' * (len(row) != 1)}"
            raise Invalid([Fault(f"{path}, row {line}", f"has {found}; expected {len(names)}, as in the first row.")])
    return {name: [row[i] for row in body] for i, name in enumerate(names)}


def _rows(path: Path, decimal: str) -> list[list[str]]:
    """The cells of each row that is not empty, without blanks around them."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            separator = next((s for s in _SEPARATORS[decimal] if s in first.strip()), ",")
            rows = csv.reader(file, delimiter=separator, skipinitialspace=True)
            return [[cell.strip() for cell in row] for row in islice(rows, MAX_ROWS + 1) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise Invalid([Fault(str(path), f"cannot be read: {reason}; expected a table of text.", "unreadable")]) from None


def _with_point(cell: str, decimal: str) -> str:
    """The cell; a number with a point before its decimals."""
    told = cell.replace(decimal, ".", 1)
    return told if decimal != "." and _is_number(told) else cell


def _looks_like_data(rows: list[list[str]]) -> bool:
    """Whether the first row could stand anywhere: each of its cells is seen again in its column."""
    below = rows[1:]
    return all(any(len(row) > i and row[i] == cell for row in below) for i, cell in enumerate(rows[0]))


def _is_number(cell: str) -> bool:
    """Whether a cell is a number, which no name is."""
    try:
        float(cell)
    except ValueError:
        return False
    return True
