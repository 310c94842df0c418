"""Columns: one number per action, for one decision or for many at once.

Question answered: how can a formula over a handful of actions be written once, and be fast both for one decision and
for a million? A column is a float (one decision) or an (n,) array (n decisions); arithmetic and comparison work alike
on both. NumPy calls cost about a microsecond each whatever the length, so for the seven numbers of one decision plain
floats are several times faster, and for many decisions the arrays are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Sequence[Any]  # k floats, or k arrays of shape (n,)

NEAR = 1e-9  # numbers closer than this are a tie, so that one decision and many agree whatever the rounding


def columns_of(values: NDArray[np.float64]) -> Columns:
    """The columns of a (k,) or (n, k) array."""
    return values.tolist() if values.ndim == 1 else list(values.T)


def highest(columns: Columns) -> Any:
    """The largest entry over the actions: a float, or (n,)."""
    return max(columns) if isinstance(columns[0], float) else reduce(np.maximum, columns)


def evenly_among_best(columns: Columns) -> list[Any]:
    """Probability one, shared evenly by the actions that are highest or within `NEAR` of it."""
    bar = highest(columns) - NEAR
    is_best = [column >= bar for column in columns]
    n_best = sum(is_best)
    return [best / n_best for best in is_best]
