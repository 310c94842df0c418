"""Cells: the values of a field sorted into a few groups, so that they can be counted and averaged.

Question answered: which values of a field are alike? Frequent values stand for themselves; rarer numbers go into bins that
hold about equally many, and rarer texts stay together. Letters: n values, c cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Value = str | float | bool | None  # None: missing

_MOST_FREQUENT = 20
_FREQUENT = 0.02  # share of the values; a rarer number goes into a bin with its neighbours
_MOST_BINS = 10
_FEW_NUMBERS = 20  # different ones: each stands for itself
_REST = "others"


def plain(value: Any) -> Value:
    """A value that can be counted: of a list how many there are, of an object its text."""
    if isinstance(value, list):
        return float(len(value))
    if isinstance(value, Mapping):
        return msgspec.json.encode(value).decode()
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value  # type: ignore[no-any-return]


def cells(values: Sequence[Value]) -> tuple[NDArray[np.intp], list[str]]:
    """(n,) the cell of each value, and what the c cells are called."""
    counts = Counter(values)
    numbers = [value for value in counts if isinstance(value, float)]
    frequent = [
        value
        for value, n in counts.most_common(_MOST_FREQUENT)
        if not isinstance(value, float) or len(numbers) <= _FEW_NUMBERS or n >= _FREQUENT * len(values)
    ]
    place: dict[Value, int] = {value: cell for cell, value in enumerate(frequent)}
    names = [_name(value) for value in frequent]
    rest = np.array([value not in place for value in values], dtype=bool)
    is_number = np.array([isinstance(value, float) for value in values], dtype=bool)
    found = np.array([place.get(value, len(names)) for value in values], dtype=np.intp)
    names.append(_REST)
    binned = rest & is_number
    if binned.any():
        bins, told = _bins(np.array([value for value, one in zip(values, binned, strict=True) if one], dtype=np.float64))
        found[binned] = len(names) + bins
        names += told
    return found, names


def _name(value: Value) -> str:
    if value is None:
        return "missing"
    return f"'{value}'" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value).lower()


def _bins(numbers: NDArray[np.float64]) -> tuple[NDArray[np.intp], list[str]]:
    """The bin of each number, and what the bins are called."""
    edges = np.unique(np.quantile(numbers, np.arange(1, _MOST_BINS) / _MOST_BINS))
    between = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(edges)]
    names = [f"below {edges[0]:.4g}", *between, f"{edges[-1]:.4g} or more"]
    return np.searchsorted(edges, numbers, side="right"), names
