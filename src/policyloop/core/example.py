"""An example: a decision joined with its reward; the unit of bandit learning.

Two shapes of the same thing. `Examples` holds rows as they come from the table, with contexts as mappings, and is
what policies are evaluated on. `ExampleBatch` holds the same rows encoded as numbers, and is what learners learn from.
Letters: n examples, k actions, d features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates

Context = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What examples tell of the challenges and the hold-out that they were made in, beside the columns of `Examples`.

    Which models might have made this decision, with which shares, what did each say, and whose was it? Rows of no trial, with
    neither a challenge nor a hold-out, have '' for names, and NaN or 0.
    """

    challenger: NDArray[np.object_]  # (n,) digest; '' without a challenge
    champion: NDArray[np.object_]  # (n,) digest; '' for rows of no trial
    challenger_pmf: NDArray[np.float64]  # (n, k) what the challenger gave, not mixed; NaN rows where it gave nothing
    champion_pmf: NDArray[np.float64]  # (n, k) what the champion gave, not mixed; NaN rows for rows of no trial
    share: NDArray[np.float64]  # (n,) the challenger's share of this decision; 0 in `shadow`, and where it broke
    hold_out: NDArray[np.float64]  # (n,) the baseline's share
    side: NDArray[np.object_]  # (n,) `champion`, `challenger` or `hold-out`; '' for rows of no trial
    subject: NDArray[np.object_]  # (n,) keyed hash; '' without one
    challenger_us: NDArray[np.float64]  # (n,) microseconds that the challenger took; NaN where it was not asked
    champion_us: NDArray[np.float64]  # (n,) microseconds that the champion took; NaN for rows of no trial
    is_broken: NDArray[np.bool_]  # (n,) the challenger raised, gave no probabilities, or is left alone because it did
    challenge: NDArray[np.object_] | None = None  # (n,) which challenge; '' without one
    # (n,) what stays on one side, the subject or the episode; '' where the side was drawn for this decision alone
    unit: NDArray[np.object_] | None = None
    state: NDArray[np.object_] | None = None  # (n,) of that challenge: `shadow`, `canary` or `ramp`; '' without one

    @property
    def is_unit(self) -> NDArray[np.bool_]:
        """(n,) whether the side was drawn before the action, for a subject or an episode that stays on it."""
        return np.zeros(len(self), dtype=bool) if self.unit is None else self.unit != ""

    def __len__(self) -> int:
        return len(self.side)

    def __getitem__(self, rows: NDArray[Any] | slice) -> Trial:
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        taken: dict[str, Any] = {name: None if column is None else column[rows] for name, column in columns.items()}
        return Trial(**taken)


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Rows of one loop, in the order of the log.

    Where callers bring the actions along, k is the size of the largest set, and the rest of a smaller one's row is padding:
    not allowed, with probability 0.
    """

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
    candidates: Sequence[Candidates] | None = None  # n sets; None where the actions are labels
    believed: NDArray[np.float64] | None = None  # (n,) estimated propensities, NaN without one: for learning, never evidence
    # (n, 2) where the log has only some of the candidates: how many there were, and the place of the one that was drawn
    # from the others by even chance, -1 without one; 0 in the first column where all are logged
    sampled: NDArray[np.int64] | None = None
    trial: Trial | None = None  # of challenges and hold-outs; None where none of the rows was in one
    # What only the log check asks for; None where examples were made without a log.
    decision_id: NDArray[np.object_] | None = None  # (n,)
    spec: NDArray[np.object_] | None = None  # (n,) digest of the spec that the decision was made under
    logged_kind: NDArray[np.object_] | None = None  # (n,) propensity_kind as it was logged
    is_rewarded: NDArray[np.bool_] | None = None  # (n,) False: no outcome came, and the reward is the default
    is_deferred: NDArray[np.bool_] | None = None  # (n,) counts only because it was activated
    # Name -> (n,) aggregated value, NaN where none came; None where nobody asked for them.
    outcomes: Mapping[str, NDArray[np.float64]] | None = None

    def __len__(self) -> int:
        return len(self.action)

    @property
    def propensity_kind(self) -> NDArray[np.str_]:
        """(n,) `probability`, `estimated` or `unknown`; only the first is evidence."""
        is_believed = np.isfinite(np.full(len(self), np.nan) if self.believed is None else self.believed)
        return np.where(np.isfinite(self.propensity), "probability", np.where(is_believed, "estimated", "unknown"))

    @property
    def newest(self) -> int | None:
        """decided_at of the newest row, microseconds since 1970 UTC; None without rows."""
        return int(self.decided_at.max()) if len(self.decided_at) else None

    def where(self, keep: NDArray[np.bool_]) -> Examples:
        """The rows where `keep` (n,) is true, in order."""
        index = np.flatnonzero(keep)
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        contexts, candidates, outcomes = columns.pop("contexts"), columns.pop("candidates"), columns.pop("outcomes")
        arrays: dict[str, Any] = {name: None if column is None else column[index] for name, column in columns.items()}
        return Examples(
            contexts=[contexts[i] for i in index],
            candidates=None if candidates is None else [candidates[i] for i in index],
            outcomes=None if outcomes is None else {name: values[index] for name, values in outcomes.items()},
            **arrays,
        )

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
    action_features: NDArray[np.float64] | None = None  # (n, e) of the candidate taken; None where the actions are labels
    action_id: NDArray[np.intp] | None = None  # (n,) its place among the declared ids, -1 for none of them

    def __len__(self) -> int:
        return len(self.action)

    def __getitem__(self, rows: slice) -> ExampleBatch:
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: column[rows] for name, column in columns.items() if column is not None})
