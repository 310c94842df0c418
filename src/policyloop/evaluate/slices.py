"""Slices: the same examples cut by one field of the context, so that a loss in one place does not hide in the mean.

Question answered: what are the slices of a field, what does each say, and which is the worst, beyond the luck of looking at
many? Categories are cut by value, numbers by quantiles, and what lies inside a JSON field is named with dots: `user.age`.
Source: intervals of m slices at 1 - alpha / m hold all at once (Bonferroni).
Letters: n examples, m slices.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import UnknownName
from policyloop.core.example import Context
from policyloop.evaluate.interval import mean_estimate

MOST_SLICES = 20  # of categories; the others are one more
N_BINS = 4  # of numbers
FEWEST_EXAMPLES = 30  # of a slice that may be called the worst
_MISSING, _OTHERS = "(missing)", "(others)"


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """Some of the examples."""

    name: str  # the category, `12 to 18`, `(missing)` or `(others)`
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceEstimate:
    """What one slice says."""

    name: str
    n: int
    value: float  # of the mean
    low: float  # the bounds of all slices hold together
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sliced:
    """All slices of a field."""

    field: str
    level: float  # chance that all intervals cover
    slices: tuple[SliceEstimate, ...]  # the largest first
    worst: str | None  # the slice of the lowest value, among those of enough examples; None where none has enough

    @property
    def worst_slice(self) -> SliceEstimate | None:
        """The worst one."""
        return next((one for one in self.slices if one.name == self.worst), None)

    @property
    def is_surely_below_zero(self) -> bool:
        """Whether the worst slice is below 0 even when it is remembered how many were looked at."""
        return self.worst_slice is not None and self.worst_slice.high < 0


def slices_of(contexts: Sequence[Context], field: str) -> list[Slice]:
    """Cut contexts by a field.

    Args:
        contexts: n.
        field: its name, or a path with dots into a JSON field.

    Raises:
        UnknownName: no context has it.
    """
    values = [_at(context, field) for context in contexts]
    if contexts and all(value is None for value in values):
        raise UnknownName("field with a value", field, sorted({name for context in contexts[:1000] for name in context}))
    numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    is_numeric = len(numbers) == sum(value is not None for value in values) and len(set(numbers)) > 2 * N_BINS
    names = _bins(values, numbers) if is_numeric else _categories(values)
    groups: dict[str, list[int]] = {}
    for row, name in enumerate(names):
        groups.setdefault(name, []).append(row)
    made = [Slice(name, np.array(rows, dtype=np.intp)) for name, rows in groups.items()]
    return sorted(made, key=lambda one: (-len(one.rows), one.name))


def sliced(values: NDArray[np.float64], slices: Sequence[Slice], *, field: str, level: float = 0.95) -> Sliced:
    """The mean of each slice, with intervals that hold all at once.

    Args:
        values: (n,) one for each example: contributions of an estimator, or differences of two.
        slices: of the same examples.
        field: what they were cut by.
        level: chance that all intervals cover.
    """
    z = NormalDist().inv_cdf(1 - (1 - level) / (2 * max(len(slices), 1)))
    found = []
    for one in slices:
        seen = mean_estimate("slice", values[one.rows], ess=math.nan)
        half = z * seen.stderr
        found.append(SliceEstimate(name=one.name, n=seen.n, value=seen.value, low=seen.value - half, high=seen.value + half))
    able = [one for one in found if one.n >= FEWEST_EXAMPLES]
    worst = min(able, key=lambda one: (one.value, one.name)).name if able else None
    return Sliced(field=field, level=level, slices=tuple(found), worst=worst)


def _at(context: Context, field: str) -> Any:
    """The value of a field, or of a path into one; None where there is nothing, or a whole object."""
    if field in context:
        found: Any = context[field]
    else:
        found = context
        for name in field.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
    return None if isinstance(found, Mapping | list) else found


def _categories(values: Sequence[Any]) -> list[str]:
    texts = [_MISSING if value is None else _told(value) for value in values]
    kept = {name for name, _ in Counter(texts).most_common(MOST_SLICES)}
    return [text if text in kept else _OTHERS for text in texts]


def _bins(values: Sequence[Any], numbers: Sequence[float]) -> list[str]:
    """The quantile range that each number lies in; ranges include their lower end, the last one both."""
    edges = np.unique(np.quantile(np.array(numbers, dtype=np.float64), np.linspace(0, 1, N_BINS + 1)))
    names = [f"{low:.6g} to {high:.6g}" for low, high in pairwise(edges.tolist())]
    inner = edges[1:-1]
    return [_MISSING if value is None else names[int(np.searchsorted(inner, value, side="right"))] for value in values]


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.15g}" if isinstance(value, float) else str(value)
