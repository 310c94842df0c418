"""Stretches: decisions in a row that were served under the same terms, so that the limits of their evidence are the same.

Question answered: where do the shares of the traffic, or the floor, change from one decision to the next?
Letters: n decisions, c terms.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def stretches_of(terms: Sequence[ArrayLike], rows: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """The rows, in order, split wherever a term changes.

    Args:
        terms: c columns of (n,).
        rows: which of the n decisions count.
    """
    if not len(rows):
        return []
    columns = np.stack([np.asarray(term, dtype=np.float64)[rows] for term in terms])
    return np.split(rows, np.flatnonzero((np.diff(columns, axis=1) != 0).any(axis=0)) + 1)
