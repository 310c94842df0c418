"""The window: which outcomes happened in time to count, and when a decision's reward can no longer change by waiting.

Question answered: of what was seen, what belongs into the reward, and from which watermark on is it settled?
What happened counts, not when it arrived. A deferred decision's window starts when it is activated.
Letters: n decisions, m outcomes (rows, one a name). Times in microseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Outcomes, each once, sorted by (decision, name, happened_at, received_at, outcome id)."""

    decision: NDArray[np.int64]  # (m,) row of the decision it belongs to, in [0, n)
    name: NDArray[np.int64]  # (m,) place among the declared names; `n_declared` and above: reserved; -1: not declared
    value: NDArray[np.float64]  # (m,) NaN for reserved names
    happened_at: NDArray[np.int64]  # (m,) never before the decision
    received_at: NDArray[np.int64]  # (m,)
    final: NDArray[np.bool_]  # (m,)

    def __len__(self) -> int:
        return len(self.decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What counts, and since when it is settled."""

    is_open: NDArray[np.bool_]  # (n,) False: deferred and never activated, so there is no example
    matured_at: NDArray[np.int64]  # (n,) the watermark from which the example exists
    counts: NDArray[np.bool_]  # (m,) in the reward
    happened_late: NDArray[np.bool_]  # (m,) declared, but outside the window: stored, and not in the reward
    arrived_late: NDArray[np.bool_]  # (m,) in the reward, but received after the example matured: corrects it


def windows(
    decided_at: NDArray[np.int64],
    is_deferred: NDArray[np.bool_],
    seen: Seen,
    *,
    activated: int,
    n_declared: int,
    window_us: int,
    close: Literal["window", "final"],
) -> Windows:
    """Windows of n decisions and what their m outcomes are to them.

    Args:
        decided_at: (n,)
        is_deferred: (n,) whether the window waits for an activation.
        seen: the outcomes.
        activated: the number that stands for the name of an activation in `seen.name`.
        n_declared: names below this count in rewards.
        window_us: length of the window, above 0.
        close: `final`: an outcome that says so closes the window early.
    """
    is_activation = seen.name == activated
    activated_at = _earliest(seen.happened_at, seen.decision, is_activation, len(decided_at))
    start = np.where(is_deferred, activated_at, decided_at)
    is_open = start != NEVER
    end = np.where(is_open, start, 0) + window_us
    matured_at = end
    if close == "final":
        matured_at = np.minimum(end, np.maximum(start, _earliest(seen.received_at, seen.decision, seen.final, len(start))))
    happened = seen.happened_at
    in_window = (happened >= start[seen.decision]) & (happened < end[seen.decision]) & is_open[seen.decision]
    is_declared = (seen.name >= 0) & (seen.name < n_declared) & ~np.isnan(seen.value)
    counts = is_declared & in_window
    return Windows(
        is_open=is_open,
        matured_at=matured_at,
        counts=counts,
        happened_late=is_declared & ~in_window & is_open[seen.decision],
        arrived_late=counts & (seen.received_at > matured_at[seen.decision]),
    )


def _earliest(time: NDArray[np.int64], decision: NDArray[np.int64], which: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
    """(n,) the smallest time among those outcomes of each decision; NEVER where there is none."""
    earliest = np.full(n, NEVER)
    np.minimum.at(earliest, decision[which], time[which])
    return earliest
