"""Data set: a labelled table as a decision problem whose right answers are known.

Question answered: which contexts are there, which actions, and which action is right in each context? Reads CSV, TSV,
semicolon- or space-separated tables, with a header or without, and scikit-learn's digits, which need no file.
Letters: n rows, k labels.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from policyloop.core.errors import Fault, Invalid, UnknownName
from policyloop.core.spec_inference import infer_document

DIGITS = "digits"  # the name that stands for scikit-learn's handwritten digits
LAST = "last"
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Rows whose right action is known."""

    name: str
    document: Mapping[str, Any]  # keys of a loop file: context, actions, outcomes, reward
    contexts: Sequence[dict[str, Any]]  # n, as a caller would send them
    label: NDArray[np.int64]  # (n,) index of the right action

    @property
    def labels(self) -> list[str]:
        """The actions, in order."""
        return list(self.document["actions"]["labels"])

    @property
    def majority(self) -> float:
        """Share of the commonest label: what always taking one action earns at best."""
        return float(np.bincount(self.label).max() / len(self.label))

    def without_rare(self, min_share: float) -> Dataset:
        """Without the rows of labels that make up less than `min_share` of all; their labels stay actions."""
        count = np.bincount(self.label, minlength=len(self.labels))
        return self.rows(np.flatnonzero(count[self.label] >= min_share * len(self.label)))

    def rows(self, index: NDArray[np.intp]) -> Dataset:
        """Some of the rows, in the order of `index`; the labels and fields stay."""
        contexts = [self.contexts[i] for i in index]
        return Dataset(name=self.name, document=self.document, contexts=contexts, label=self.label[index])


def digits() -> Dataset:
    """scikit-learn's handwritten digits: 1,797 rows of 64 numbers, ten labels."""
    loaded = load_digits()
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    columns = {name: [f"{value:g}" for value in values] for name, values in zip(names, loaded.data.T, strict=True)}
    return _dataset(DIGITS, {**columns, "digit": [str(digit) for digit in loaded.target]}, "digit")


def read(path: Path, *, label: str = LAST) -> Dataset:
    """The data set of a file; the word `digits` in place of a file means scikit-learn's.

    Args:
        path: a table with at least two columns; the separator and whether there is a header are seen from the first rows.
        label: name of the column that holds the right action, or `last`. Without a header columns are named f1, f2, ...

    Raises:
        Invalid: the file cannot be read, is empty, or its rows differ in length.
        UnknownName: no column is named `label`.
    """
    if str(path) == DIGITS and not path.exists():
        return digits()
    rows = _rows_of(path)
    names = [cell.strip() or f"f{i}" for i, cell in enumerate(rows[0], 1)] if _has_header(rows) else None
    body = rows[1:] if names else rows
    names = names or [f"f{i}" for i in range(1, len(rows[0]) + 1)]
    columns = dict(zip(names, (list(cells) for cells in zip(*body, strict=True)), strict=True))
    wanted = names[-1] if label == LAST and LAST not in columns else label
    if wanted not in columns:
        raise UnknownName("column", wanted, [*columns, LAST])
    return _dataset(path.name, columns, wanted)


def _dataset(name: str, columns: Mapping[str, Sequence[str]], label: str) -> Dataset:
    """The data set of columns of texts."""
    document = infer_document(columns, label=label)
    fields: Mapping[str, Mapping[str, Any]] = document["context"]
    others = [cells for column, cells in columns.items() if column != label]
    if len(fields) != len(others):
        raise Invalid([Fault(name, "has columns whose names are equal but for blanks; expected each name once.")])
    typed = [_typed(cells, field["type"]) for cells, field in zip(others, fields.values(), strict=True)]
    contexts = [
        {field: value for field, value in zip(fields, values, strict=True) if value is not None}
        for values in zip(*typed, strict=True)
    ]
    place_of = {value: place for place, value in enumerate(document["actions"]["labels"])}
    right = np.array([place_of.get(cell.strip(), -1) for cell in columns[label]], dtype=np.int64)
    every = Dataset(name=name, document=document, contexts=contexts, label=right)
    return every.rows(np.flatnonzero(right >= 0))  # rows without a label teach nothing


def _typed(cells: Sequence[str], kind: str) -> list[Any]:
    """The cells of a column as values of the field's type; None where a cell says that it is missing."""
    converters: dict[str, Callable[[str], Any]] = {
        "integer": int,
        "number": float,
        "boolean": _is_true,
        "json": msgspec.json.decode,
    }
    convert = converters.get(kind, str)
    stripped = [cell.strip() for cell in cells]
    return [None if cell.lower() in _MISSING else convert(cell) for cell in stripped]


def _rows_of(path: Path) -> list[list[str]]:
    """The cells of a file, row by row."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Invalid([Fault(str(path), f"cannot be read: {reason}; expected a labelled table.", "unreadable")]) from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise Invalid([Fault(str(path), "is empty; expected a labelled table.")])
    separator = next((mark for mark in ("\t", ",", ";") if mark in lines[0]), None)
    rows = [line.split() for line in lines] if separator is None else list(csv.reader(lines, delimiter=separator))
    width = len(rows[0])
    odd = next((number for number, row in enumerate(rows, 1) if len(row) != width), None)
    if odd is not None:
        found = f"has {len(rows[odd - 1])} cells in row {odd}, and {width} in row 1"
        raise Invalid([Fault(str(path), f"{found}; expected as many in every row.")])
    if width < 2:
        raise Invalid([Fault(str(path), "has one column; expected the context and a label, separated by , ; tab or blanks.")])
    return rows


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names the columns: no cell is a number, none is repeated, none is a value further down."""
    first = [cell.strip() for cell in rows[0]]
    if len(rows) == 1 or len(set(first)) < len(first) or any(_is_number(cell) for cell in first):
        return False
    return not any(cell in {row[i].strip() for row in rows[1:]} for i, cell in enumerate(first))


def _is_true(cell: str) -> bool:
    return cell.lower() == "true"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
