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


def rest_to_best(probabilities: list[Any], mean: Columns, *, top: Any) -> list[Any]:
    """The probabilities with what they lack to 1 given to the best actions, evenly where several are within `NEAR`.

    Args:
        probabilities: k columns that sum to at most 1; changed.
        mean: k columns of expected rewards.
        top: the highest of them.
    """
    rest, bar = 1.0 - sum(probabilities), top - NEAR
    if isinstance(top, float):
        best = [i for i, m in enumerate(mean) if m >= bar]
        for i in best:
            probabilities[i] += rest / len(best)
        return probabilities
    is_best = [m >= bar for m in mean]
    share = rest / sum(is_best)
    return [p + best * share for p, best in zip(probabilities, is_best, strict=True)]
