"""What a loop in hand answers: small values that print well, and become Arrow or pandas where somebody goes on with them.

Letters: n examples that an estimate rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from policyloop.core.estimate import Estimate
from policyloop.core.model import short
from policyloop.gate.verdict import Call, Verdict
from policyloop.run import shown
from policyloop.run.questions.estimates import Estimates

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = ("policy", "estimator", "value", "low", "high", "ess", "n")
ESTIMATE_SCHEMA = pa.schema(
    [
        ("policy", pa.string()),  # digest of a model, `baseline`, or `logged`; in a verdict also `difference`
        ("estimator", pa.string()),
        ("value", pa.float64()),  # in the loop's reward unit
        ("stderr", pa.float64()),
        ("low", pa.float64()),  # of the 95 % interval
        ("high", pa.float64()),
        ("ess", pa.float64()),  # effective sample size, in [0, n]
        ("n", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Evaluation:
    """What a model would have earned on traffic that nobody learned from, by every estimator; the baseline beside it.

    `evaluation["dr"]` is the estimate of the model that was asked about.
    """

    loop: str
    model: str  # digest, or `baseline`
    estimates: tuple[Estimates, ...]  # of that model first
    logged: Estimate  # what the logged traffic really earned

    def __getitem__(self, estimator: str) -> Estimate:
        """The model's estimate by one estimator, such as dr.

        Raises:
            KeyError: there is none of that name.
        """
        return {value.estimator: value for value in self.estimates[0].values}[estimator]

    @property
    def table(self) -> pa.Table:
        """A row for each policy and estimator, and one for the logged traffic; the columns are `ESTIMATE_SCHEMA`."""
        rows = [(found.model, value) for found in self.estimates for value in found.values]
        return _table([*rows, ("logged", self.logged)])

    def to_pandas(self) -> pd.DataFrame:
        """The table as a data frame; needs pandas."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        first, belief = self.estimates[0].values[0], self.estimates[0].reading.belief
        told = f"{first.estimator} {first.value:.4f} ± {1.96 * first.stderr:.4f}; logged {self.logged.value:.4f}"
        return f"Evaluation({short(self.model)}: {told}; n {self.logged.n:,}; to be believed: {belief.answer})"

    def _repr_html_(self) -> str:
        return _html(self.table)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrainResult:
    """What came of a training: the model, and the gate's verdict about it."""

    loop: str
    sentence: str  # what happened, for people
    model: str | None  # digest; None: no model was made, or the worker is not done yet
    verdict: Verdict | None  # None too where nothing new was learned

    @property
    def is_promoted(self) -> bool:
        """Whether the gate made the model champion."""
        return self.verdict is not None and self.verdict.call == Call.PROMOTE

    @property
    def table(self) -> pa.Table:
        """The estimates that the verdict rests on: challenger, champion, difference and baseline; empty without any."""
        return _table(self.verdict.estimates.items() if self.verdict is not None else ())

    def to_pandas(self) -> pd.DataFrame:
        """The table as a data frame; needs pandas."""
        return self.table.to_pandas()

    def __repr__(self) -> str:
        return f"TrainResult({self.sentence})"

    def _repr_html_(self) -> str:
        if self.verdict is None:
            return shown.paragraph(self.sentence)
        reasons = [(reason.name, reason.call, reason.sentence) for reason in self.verdict.reasons]
        told = shown.paragraph(self.sentence) + shown.table(("rule", "says", "because"), reasons)
        return told + (_html(self.table) if self.verdict.estimates else "")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Change:
    """Who decides now, and who did before."""

    loop: str
    champion: str | None  # digest; None: the baseline
    previous: str | None

    def __repr__(self) -> str:
        return f"Change({self.loop}: {short(self.champion)} decides now; before it, {short(self.previous)} did)"


def _table(rows: Iterable[tuple[str, Estimate]]) -> pa.Table:
    return pa.Table.from_pylist([_row(policy, value) for policy, value in rows], schema=ESTIMATE_SCHEMA)


def _row(policy: str, estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval()
    return {
        "policy": policy,
        "estimator": estimate.estimator,
        "value": estimate.value,
        "stderr": estimate.stderr,
        "low": low,
        "high": high,
        "ess": estimate.ess,
        "n": estimate.n,
    }


def _html(estimates: pa.Table) -> str:
    rows: Sequence[dict[str, Any]] = estimates.select(_SHOWN).to_pylist()
    return shown.table(_SHOWN, [(short(row["policy"]), *(row[name] for name in _SHOWN[1:])) for row in rows])
