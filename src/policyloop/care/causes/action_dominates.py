"""Action dominates: nearly every decision takes one action, and the log cannot say that it is the best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.example import Examples
from policyloop.evaluate.interval import mean_estimate, upper_bound

_MOST = 0.95  # share of a model's decisions; more is domination
_FEWEST = 1000  # decisions of models
_FEWEST_OF_OTHER = 30  # examples of an action, to say what it earns
_NEVER_TRIED_AFTER = 5000  # decisions of models: by then even a rare action should have been tried
_ALPHA = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rival:
    """An action that may be better than the one that dominates."""

    name: str
    n: int
    value: float  # what it earned on average, corrected for how it was chosen; NaN without an example
    upper: float


def find(examination: Examination) -> Cause | None:
    """The cause, where one action has nearly all decisions of models without earning the most for certain."""
    examples, spec = examination.examples, examination.spec
    if spec.is_candidates:
        return None  # what is offered differs from decision to decision: no candidate can be compared with the others so
    is_model = ~examples.is_fallback & np.isfinite(examples.propensity) & (examples.allowed.sum(axis=1) > 1)
    n = int(is_model.sum())
    if n < _FEWEST:
        return None
    counts = np.bincount(examples.action[is_model], minlength=len(spec.labels))
    top = int(counts.argmax())
    if counts[top] <= _MOST * n:
        return None
    rivals = _rivals(examples, spec.labels, top, n)
    if not rivals:
        return None
    worst = max(rivals, key=lambda rival: (rival.n < _FEWEST_OF_OTHER, rival.upper))
    told = (
        f"was tried {worst.n:,} times only"
        if worst.n < _FEWEST_OF_OTHER
        else f"may earn as much (in {worst.n:,} trials about {worst.value:.4g})"
    )
    share = float(counts[top] / n)
    return Cause(
        name="action-dominates",
        severity="slows",
        sentence=f"'{spec.labels[top]}' is taken in {share:.1%} of {n:,} decisions of models, and '{worst.name}' {told}.",
        advice=(
            "Raise explore.floor, or take an explorer that tries more while little is known (`squarecb`, `thompson`), so that "
            "the others are seen often enough."
        ),
        share=share,
        numbers={"share": share, "decisions": float(n), "rivals": float(len(rivals))},
    )


def _rivals(examples: Examples, labels: tuple[str, ...], top: int, n: int) -> list[_Rival]:
    """Other actions of which the log cannot say that they earn less."""
    value, _ = _earned(examples, top)
    found = []
    for place, name in enumerate(labels):
        n_of = int((examples.action == place).sum())
        its_value, upper = _earned(examples, place)
        is_unknown = n_of < _FEWEST_OF_OTHER and n >= _NEVER_TRIED_AFTER
        is_as_good = n_of >= _FEWEST_OF_OTHER and upper > value
        if place != top and (is_unknown or is_as_good):
            found.append(_Rival(name=name, n=n_of, value=its_value, upper=upper))
    return found


def _earned(examples: Examples, place: int) -> tuple[float, float]:
    """What always taking an action would have earned, self-normalised, and its upper bound."""
    is_usable = np.isfinite(examples.propensity) & examples.allowed[:, place]
    weight = np.where(examples.action == place, 1.0 / np.where(is_usable, examples.propensity, np.nan), 0.0)
    weight = np.where(is_usable, weight, 0.0)
    total = float(weight.sum())
    if total == 0:
        return math.nan, math.inf
    value = float((weight * examples.reward).sum()) / total
    residual: NDArray[np.float64] = value + (weight * (examples.reward - value))[is_usable] * (is_usable.sum() / total)
    return value, upper_bound(mean_estimate("snips", residual, ess=0.0), alpha=_ALPHA)
