"""Differences: how two policies would treat the same decisions, whatever came of them.

Question answered: in which share of the decisions is another action the most probable one, how much probability moves,
and where most? Nothing here says which policy is better; estimates do (evaluate/compare.py).
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.policy.columns import NEAR

SMALLEST_MOVE = 0.001  # of the probability; what moves less is not worth a line


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One decision that the two would treat differently."""

    row: int  # of the decision
    before: int  # place of the most probable action, the first at a tie
    after: int
    before_prob: float  # that each policy gives its own most probable action
    after_prob: float
    moved: float  # probability that goes to other actions (total variation), in [0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Two policies on the same n decisions."""

    n: int
    n_changed: int  # decisions where no most probable action of the one is one of the other's
    mean_moved: float  # mean total variation, in [0, 1]: so many actions would be drawn otherwise, at least; NaN when n is 0
    moves: tuple[tuple[str, str, int], ...]  # changed decisions by (before, after), the most frequent first
    largest: tuple[Change, ...]  # the decisions where most probability moves, the most first

    @property
    def share_changed(self) -> float:
        """Share of the decisions whose most probable action changes; NaN when there are none."""
        return self.n_changed / self.n if self.n else float("nan")


def differences(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    name_of: Callable[[int, int], str],
    n_largest: int = 20,
) -> Differences:
    """Compare two policies' probabilities.

    Args:
        before: (n, k) of the one policy, rows that sum to 1.
        after: (n, k) of the other.
        name_of: the name of an action by row and place.
        n_largest: at most so many changes are kept one by one.
    """
    n = len(before)
    moved = np.abs(after - before).sum(axis=1) / 2
    is_best_before, is_best_after = _is_best(before), _is_best(after)
    best_before, best_after = is_best_before.argmax(axis=1), is_best_after.argmax(axis=1)
    changed = np.flatnonzero(~(is_best_before & is_best_after).any(axis=1))
    moves = Counter((name_of(row, int(best_before[row])), name_of(row, int(best_after[row]))) for row in changed.tolist())
    # Stable, so that of equal changes the earliest decisions are shown.
    largest = [int(row) for row in np.argsort(-moved, kind="stable")[:n_largest] if moved[row] >= SMALLEST_MOVE]
    return Differences(
        n=n,
        n_changed=len(changed),
        mean_moved=float(moved.mean()) if n else float("nan"),
        moves=tuple((*pair, count) for pair, count in sorted(moves.items(), key=lambda item: (-item[1], item[0]))),
        largest=tuple(
            Change(
                row=row,
                before=int(best_before[row]),
                after=int(best_after[row]),
                before_prob=float(before[row].max()),
                after_prob=float(after[row].max()),
                moved=float(moved[row]),
            )
            for row in largest
        ),
    )


def _is_best(pmf: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n, k) which actions no other is more probable than; several at a tie."""
    return np.asarray(pmf >= pmf.max(axis=1, keepdims=True, initial=0.0) - NEAR)
