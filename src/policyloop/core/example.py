"""An example: a decision joined with its reward; the unit of bandit learning.

Two shapes of the same thing. `Examples` holds rows as they come from the table, with contexts as mappings, and is
what policies are evaluated on. `ExampleBatch` holds the same rows encoded as numbers, and is what learners learn from.
Letters: n examples, k actions, d features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows of one loop with a discrete action, in the order of the log."""

    contexts: Sequence[Context]  # n mappings, validated, defaults filled in
    allowed: NDArray[np.bool_]  # (n, k) False for masked or excluded actions
    action: NDArray[np.int64]  # (n,) index taken
    reward: NDArray[np.float64]  # (n,) in the loop's reward unit, clipped to its range
    propensity: NDArray[np.float64]  # (n,) in (0, 1]; NaN when unknown
    pmf: NDArray[np.float64]  # (n, k) the logging policy's whole pmf; NaN rows when it was not logged
    split: NDArray[np.float64]  # (n,) in [0, 1)
    decided_at: NDArray[np.int64]  # (n,) microseconds since 1970 UTC
    is_fallback: NDArray[np.bool_]  # (n,) decided by the baseline: learned from, but no evidence
    policy: NDArray[np.object_]  # (n,) digest of the model that decided, or `baseline`

    def __len__(self) -> int:
        return len(self.action)

    @property
    def newest(self) -> int | None:
        """decided_at of the newest row, microseconds since 1970 UTC; None without rows."""
        return int(self.decided_at.max()) if len(self.decided_at) else None

    def where(self, keep: NDArray[np.bool_]) -> Examples:
        """The rows where `keep` (n,) is true, in order."""
        index = np.flatnonzero(keep)
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        contexts = columns.pop("contexts")
        return Examples(contexts=[contexts[i] for i in index], **{name: column[index] for name, column in columns.items()})

    def to_learn_from(self, split: float) -> Examples:
        """The rows below `split`: the only ones that any learner may see."""
        return self.where(self.split < split)

    def to_evaluate_on(self, split: float) -> Examples:
        """The rows at or above `split`: never learned from, in any mode."""
        return self.where(self.split >= split)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleBatch:
    """The same rows as numbers, for learners."""

    features: NDArray[np.float64]  # (n, d)
    allowed: NDArray[np.bool_]  # (n, k)
    action: NDArray[np.int64]  # (n,)
    reward: NDArray[np.float64]  # (n,)
    propensity: NDArray[np.float64]  # (n,) in (0, 1]; NaN when unknown
    decided_at: NDArray[np.int64]  # (n,) microseconds since 1970 UTC; what half-life and window go by

    def __len__(self) -> int:
        return len(self.action)

    def __getitem__(self, rows: slice) -> ExampleBatch:
        return ExampleBatch(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})
