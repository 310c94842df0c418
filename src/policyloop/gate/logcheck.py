"""The log check: may this log be believed? Asked before any evidence is read, and again at every look.

Question answered: does each decision keep the contract, were actions drawn from the logged probabilities, do weights average
1, does each action come as often as logged, do sides get their shares and their rewards, and was much done otherwise than
decided? An alarm freezes promotion and ends ramps, and it stays: evidence that was read from such a log is spoilt.
What is remembered between looks does not grow with the log. All statistical checks together raise a false alarm, ever, with
probability at most .003. Decisions of the fallback, deferred ones, and those whose propensity is estimated, unknown or of a
point are held to the contract alone: they are no evidence.
Source: DESIGN section 6, log check; the parts in `gate/checks/`.
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples, Trial
from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.gate.checks import calibration, contract, overrides, sides, truth, weights
from policyloop.gate.checks.calibration import Calibration
from policyloop.gate.checks.contract import Contract, Known
from policyloop.gate.checks.sides import Sides
from policyloop.gate.checks.truth import Drawn, Truth
from policyloop.gate.checks.weights import Weights
from policyloop.gate.verdict import Call, Number, Reason
from policyloop.join.audit import Audit

FORM = 1  # of what is remembered
FEWEST = 500  # decisions that a log check needs before a challenge goes on
MODELS = "log-models"

_MOST_MODELS = 8  # whose join rates are remembered
_AT_ONCE = 20_000  # decisions reckoned with at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class LogCheck:
    """What the check says at one look."""

    reasons: tuple[Reason, ...]  # one per question; REFUSE: an alarm, else PROMOTE
    n: int  # decisions that the statistical checks have seen so far

    @property
    def alarms(self) -> tuple[Reason, ...]:
        """What speaks against believing the log."""
        return tuple(reason for reason in self.reasons if not reason.is_passed)

    @property
    def notes(self) -> tuple[Reason, ...]:
        """What is as it should be."""
        return tuple(reason for reason in self.reasons if reason.is_passed)

    @property
    def is_alarm(self) -> bool:
        """Whether anything speaks against believing the log."""
        return bool(self.alarms)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogState:
    """What is remembered between looks."""

    truth: Truth
    weights: Weights
    calibration: Calibration
    sides: Sides
    contract: Contract = field(default_factory=Contract)
    until: int | None = None  # decided_at of the newest decision that was seen, microseconds; None: none was
    models: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # policy -> decisions, rewarded ones; the latest last

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        parts = {name: getattr(self, name).to_mapping() for name in _PARTS}
        models = [[name, *counts] for name, counts in self.models.items()]
        return {"form": FORM, "until": self.until, "models": models, **parts}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> LogState | None:
        """The inverse of `to_mapping`; None where another version wrote it: then the log is read again from the start."""
        if raw.get("form") != FORM:
            return None
        parts = {name: part.from_mapping(raw[name]) for name, part in _PARTS.items()}
        models = {name: (n, joined) for name, n, joined in raw["models"]}
        return cls(until=raw["until"], models=models, **parts)


_PARTS: dict[str, Any] = {
    "truth": Truth,
    "weights": Weights,
    "calibration": Calibration,
    "sides": Sides,
    "contract": Contract,
}


def begin(spec: LoopSpec) -> LogState:
    """Before the first decision."""
    return LogState(
        truth=truth.begin(),
        weights=weights.begin(),
        calibration=calibration.begin(len(spec.labels)),
        sides=sides.begin(),
    )


def check(
    examples: Examples,
    *,
    spec: LoopSpec,
    known: Known,
    state: LogState | None = None,
    before: int | None = None,
    others: Mapping[str, NDArray[np.float64]] | None = None,
    audit: Audit | None = None,
) -> tuple[LogCheck, LogState]:
    """One look. Decisions that an earlier look saw are passed over, so all examples may be handed in each time.

    Args:
        examples: matured, of all splits, in the order of the log.
        spec: of the loop, today's.
        known: names of models and specs that decisions may carry.
        state: as the look before gave it; None at the first.
        before: decided_at of the first decision that still waits, where the check stops; None when none does.
        others: role (`champion`, `challenger`, `previous`, `baseline`) -> (n, k) pmf of that model for each example, NaN rows
            where it is not known. What a trial tells of champion and challenger goes before. More known models find
            mixed-up traffic sooner.
        audit: counts of the join over the hours that the examples are from.
    """
    earlier = begin(spec) if state is None else state
    index = np.flatnonzero(_is_new(examples, earlier.until, before))
    after = earlier
    for start in range(0, len(index), _AT_ONCE):
        rows = index[start : start + _AT_ONCE]
        its = {role: pmf[rows] for role, pmf in (others or {}).items()}
        after = _after(after, _rows(examples, rows), spec=spec, known=known, others=its)
    return said(after, spec, audit=audit), after


def said(state: LogState, spec: LoopSpec, *, audit: Audit | None = None) -> LogCheck:
    """What is said of a log of which this is remembered.

    Args:
        state: as a look gave it.
        spec: of the loop, today's.
        audit: counts of the join; None leaves out what only these tell.
    """
    reasons = (
        state.contract.reason(),
        state.truth.reason(),
        state.weights.reason(),
        state.calibration.reason(spec.labels),
        *state.sides.reasons(),
        *_of_models(state.models),
        *(() if audit is None else overrides.reasons(audit, spec.labels)),
    )
    return LogCheck(reasons=reasons, n=state.truth.wealth.n)


def _is_new(examples: Examples, until: int | None, before: int | None) -> NDArray[np.bool_]:
    """(n,) decisions that no look saw and that lie before the first that waits."""
    is_new = np.full(len(examples), True) if until is None else examples.decided_at > until
    return is_new if before is None else is_new & (examples.decided_at < before)


def _after(
    state: LogState, examples: Examples, *, spec: LoopSpec, known: Known, others: Mapping[str, NDArray[np.float64]]
) -> LogState:
    """After further decisions."""
    models = _with_trial(others, examples.trial)
    found, is_fit = contract.update(state.contract, examples, spec=spec, known=known, challenger=models.get("challenger"))
    sided = sides.sided_of(examples)
    rows = np.flatnonzero(is_fit & ~examples.is_fallback & ~_is_deferred(examples))
    drawn = Drawn(
        action=examples.action[rows],
        pmf=examples.pmf[rows],
        allowed=examples.allowed[rows],
        others={role: pmf[rows] for role, pmf in models.items()},
    )
    return replace(
        state,
        contract=found,
        truth=truth.update(state.truth, drawn),
        weights=weights.update(state.weights, drawn),
        calibration=calibration.update(state.calibration, drawn),
        sides=state.sides if sided is None else sides.update(state.sides, sided),
        models=_with_models(state.models, examples),
        until=examples.newest,
    )


def _with_trial(others: Mapping[str, NDArray[np.float64]], trial: Trial | None) -> Mapping[str, NDArray[np.float64]]:
    """What is known of other models, from the log first."""
    if trial is None:
        return others
    logged = {"champion": trial.champion_pmf, "challenger": trial.challenger_pmf}
    told = {role: np.where(np.isnan(pmf), others[role], pmf) if role in others else pmf for role, pmf in logged.items()}
    return {**others, **told}


def _with_models(models: Mapping[str, tuple[int, int]], examples: Examples) -> Mapping[str, tuple[int, int]]:
    """The counts with further decisions, of the models that decided last."""
    if examples.is_rewarded is None:
        return models
    counts = dict(models)
    names, first, inverse = np.unique(examples.policy.astype(str), return_index=True, return_inverse=True)
    n = np.bincount(inverse, minlength=len(names))
    joined = np.bincount(inverse, weights=examples.is_rewarded, minlength=len(names))
    for i in np.argsort(first):
        before = counts.pop(str(names[i]), (0, 0))
        counts[str(names[i])] = (before[0] + int(n[i]), before[1] + int(joined[i]))
    return dict(list(counts.items())[-_MOST_MODELS:])


def _of_models(models: Mapping[str, tuple[int, int]]) -> tuple[Reason, ...]:
    """How many decisions of each model found an outcome. A note: models decide at different times, and times differ."""
    if not models:
        return ()
    rates: dict[str, Number] = {name: joined / n for name, (n, joined) in models.items()}
    told = ", ".join(f"{short(name)} {100 * joined / n:.3g} % of {n:,}" for name, (n, joined) in models.items())
    sentence = f"Decisions with an outcome, by model: {told}."
    return (Reason(name=MODELS, call=Call.PROMOTE, sentence=sentence, numbers=rates, is_check=True),)


def _rows(examples: Examples, rows: NDArray[np.intp]) -> Examples:
    """These rows."""
    keep = np.zeros(len(examples), dtype=bool)
    keep[rows] = True
    return examples if keep.all() else examples.where(keep)


def _is_deferred(examples: Examples) -> NDArray[np.bool_]:
    return np.zeros(len(examples), dtype=bool) if examples.is_deferred is None else examples.is_deferred
