"""Drift: whether a field's values late in the log are others than early, by more than chance and by enough to matter.

Question answered: how much of the distribution moved, and could chance have done that?
Source: chi-squared test of homogeneity (Pearson 1900), summed over strata; its tail by Wilson & Hilferty 1931. A big log
makes any trifle certain, so the size of the move counts as well: total variation, the share of decisions that would have
to get another value. Letters: n decisions, c cells, s strata.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.cells import Value, cells

_FEWEST_IN_STRATUM = 25  # on each side
_FEWEST_EXPECTED = 5.0  # in a cell, for the chi-squared tail to hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Early against late."""

    moved: float  # total variation, in [0, 1]
    p_value: float  # chance of a statistic as large where nothing moved
    n: int  # decisions that were compared
    told: str  # the cell that moved most, in words


def drift(
    values: Sequence[Value], *, is_late: NDArray[np.bool_], stratum: NDArray[np.int64], n_together: float = 1.0
) -> Drift | None:
    """Compare the second half with the first.

    Args:
        values: n, none of them missing.
        is_late: (n,)
        stratum: (n,) late is compared with early within each.
        n_together: so many values may say the same, as steps of one episode do; then they count for one (Kish's effective
            number, at the most that they can hang together).

    Returns:
        None where no stratum has enough of both.
    """
    cell, names = cells(values)
    tables = []  # (2, c) of each stratum: early, late
    for one in np.unique(stratum):
        rows = stratum == one
        table = np.stack([np.bincount(cell[rows & side], minlength=len(names)) for side in (~is_late, is_late)])
        if table.sum(axis=1).min() >= _FEWEST_IN_STRATUM:
            tables.append(table.astype(np.float64))
    if not tables:
        return None
    chi2, freedom = (sum(parts) for parts in zip(*map(_chi_squared, tables), strict=True))
    weight = np.array([math.prod(table.sum(axis=1)) / table.sum() for table in tables])
    shares = np.stack([table / table.sum(axis=1, keepdims=True) for table in tables])  # (s, 2, c)
    early, late = np.average(shares, axis=0, weights=weight)
    most = int(np.abs(late - early).round(9).argmax())  # of equal moves the first, whatever the rounding
    return Drift(
        moved=float(np.abs(late - early).sum() / 2),
        p_value=_tail(chi2 / n_together, freedom),
        n=int(sum(table.sum() for table in tables)),
        told=f"{names[most]} went from {early[most]:.0%} to {late[most]:.0%}",
    )


def _chi_squared(table: NDArray[np.float64]) -> tuple[float, int]:
    """The statistic of a (2, c) table and its degrees of freedom; cells that are too rare are put together."""
    sides = table.sum(axis=1)
    total = table.sum(axis=0)
    is_rare = total * sides.min() / sides.sum() < _FEWEST_EXPECTED
    kept = table[:, ~is_rare]
    rare = table[:, is_rare].sum(axis=1, keepdims=True)
    if rare.sum() * sides.min() / sides.sum() >= _FEWEST_EXPECTED:
        kept = np.concatenate([kept, rare], axis=1)
    if kept.shape[1] < 2:
        return 0.0, 0
    expected = kept.sum(axis=0) * kept.sum(axis=1, keepdims=True) / kept.sum()
    return float(((kept - expected) ** 2 / expected).sum()), kept.shape[1] - 1


def _tail(chi2: float, freedom: int) -> float:
    """P(chi-squared with that freedom is at least as large), to about two digits."""
    if freedom == 0:
        return 1.0
    ninth = 2.0 / (9.0 * freedom)
    return 1.0 - NormalDist().cdf(((chi2 / freedom) ** (1 / 3) - (1 - ninth)) / math.sqrt(ninth))
