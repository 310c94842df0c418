"""Margins: further numbers that a challenger must not make worse by more than the loop allows.

Question answered: is it shown that the challenger is not worse by the margin, or shown that it is, or is that open? Each number
has an e-process of its own on `difference + margin`, so looks may be many (non-inferiority). A `stop` asks for no statistics:
past it, on average, the challenge ends.
Source: gate/evidence.py; non-inferiority margins as in clinical trials.
Letters: m decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core.loop import GuardSpec
from policyloop.core.spec_gate import ACTION_SHARE, ERRORS, LATENCY_MS
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import Evidence, begin, update
from policyloop.gate.limits import Limits
from policyloop.gate.verdict import Call, Number, Reason, number

FEWEST_TO_STOP = 100  # decisions before an average counts
MOST_ERRORS = 0.05  # of the decisions that a challenger is asked in; beyond it any challenge ends
_ROUNDING = 1e-12  # of the range
_NO_ERRORS = GuardSpec(name=ERRORS, margin=MOST_ERRORS, better="lower", stop=MOST_ERRORS)


def guards_of(given: tuple[GuardSpec, ...]) -> tuple[GuardSpec, ...]:
    """The loop's guards; that a challenger answers at all is asked of everyone."""
    return given if any(guard.name == ERRORS for guard in given) else (*given, _NO_ERRORS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """By how much the challenger moves the shares of the actions."""

    n: int = 0
    total: tuple[float, ...] = ()  # (k,) sums of challenger minus champion

    @property
    def largest(self) -> float:
        """The largest change of any action's share, in [0, 1]."""
        return max((abs(one) for one in self.total), default=0.0) / max(self.n, 1)


def moved_on(before: Moved, moved: NDArray[np.float64]) -> Moved:
    """After some more decisions; `moved` (m, k) is the challenger's probabilities minus the champion's."""
    total = np.zeros(max(moved.shape[1], len(before.total)))
    total[: len(before.total)] += before.total
    total[: moved.shape[1]] += moved.sum(axis=0)
    return Moved(n=before.n + len(moved), total=tuple(total.tolist()))


def shifted(limits: Limits, margin: float) -> Limits:
    """Limits of a difference with the margin added to it."""
    return replace(limits, above=limits.above + margin)


def added(before: Evidence | None, phi: NDArray[np.float64], *, guard: GuardSpec, limits: Limits) -> Evidence:
    """The evidence after some more differences, of which a higher one is better.

    Args:
        before: None at the first.
        phi: (m,) challenger minus champion, turned so that higher is better.
        limits: of `phi`.
    """
    wide = shifted(limits, guard.margin)
    even = np.ones(len(phi))
    chunk = Chunk(phi=phi + guard.margin, weight=even, is_telling=even > 0)
    return update(before or begin(wide), chunk, limits=wide)


def limits_of_errors() -> Limits:
    """Of the negative share of errors: it lies in [-1, 0]."""
    return Limits(below=1.0, above=1e-9, low=0.0, ceiling=0.0)


def limits_of_outcome(guard: GuardSpec, *, level: float, weights: tuple[float, float]) -> Limits:
    """Of the pseudo-outcome of a guarded outcome, when `level` is predicted for every action; turned so that higher is better.

    Args:
        level: within the guard's range.
        weights: the largest for and against the challenger.
    """
    most_for, most_against = weights
    # the prediction is the same for all actions, so its part of phi is 0, and the rest is weight * (outcome - level)
    fall = max(most_for * (level - guard.low), most_against * (guard.high - level))
    rise = max(most_for * (guard.high - level), most_against * (level - guard.low))
    below, above = (rise, fall) if guard.better == "lower" else (fall, rise)
    return Limits(below=below, above=above, low=0.0, ceiling=0.0)


def limits_of_latency(guard: GuardSpec) -> Limits:
    """Of a difference of two times within the guard's range."""
    span = guard.high - guard.low
    return Limits(below=span, above=span, low=0.0, ceiling=0.0)


def judge(
    guard: GuardSpec, evidence: Evidence | None, *, unit: str = "decisions", fewest_to_stop: int = FEWEST_TO_STOP
) -> Reason:
    """PROMOTE when the margin is kept, RETIRE when it is not, INCONCLUSIVE while that is open.

    Args:
        guard: of the loop.
        evidence: of what it watches; None before there is any.
        unit: what was counted, in words.
        fewest_to_stop: of them, before an average counts.
    """
    if evidence is None or evidence.n == 0:
        return _reason(guard, Call.INCONCLUSIVE, f"Guard {guard.name}: nothing has been seen of it yet.", {})
    difference = evidence.mean - guard.margin  # higher is better
    told, margin = _told(guard, difference, f"{evidence.n:,} {unit}"), _amount(guard, guard.margin)
    numbers = {
        "difference": number(difference),
        "margin": guard.margin,
        "e_kept": number(evidence.e_better),
        "e_broken": number(evidence.e_worse),
        "needed": 1 / guard.alpha,
        "n": float(evidence.n),
    }
    if guard.stop is not None and evidence.n >= fewest_to_stop and difference < -guard.stop:
        return _reason(
            guard, Call.RETIRE, f"Guard {guard.name}: {told}, beyond the stop of {_amount(guard, guard.stop)}.", numbers
        )
    if evidence.e_worse >= 1 / guard.alpha:
        return _reason(guard, Call.RETIRE, f"Guard {guard.name}: {told}; the margin of {margin} is not kept.", numbers)
    if evidence.e_better >= 1 / guard.alpha:
        return _reason(guard, Call.PROMOTE, f"Guard {guard.name}: {told}, within the margin of {margin}.", numbers)
    sentence = f"Guard {guard.name}: {told}; that it is worse by {margin} or more is not ruled out yet."
    return _reason(guard, Call.INCONCLUSIVE, sentence, numbers)


def judge_moved(guard: GuardSpec, moved: Moved) -> Reason:
    """The same for the shares of the actions, which are known without statistics."""
    numbers = {"largest": moved.largest, "margin": guard.margin, "n": float(moved.n)}
    told = f"Guard {ACTION_SHARE}: the share of an action changes by {moved.largest:.3g} in {moved.n:,} decisions"
    if moved.n < FEWEST_TO_STOP:
        return _reason(guard, Call.INCONCLUSIVE, f"{told}; {FEWEST_TO_STOP} are needed.", numbers)
    if guard.stop is not None and moved.largest > guard.stop:
        return _reason(guard, Call.RETIRE, f"{told}, beyond the stop of {guard.stop:g}.", numbers)
    call = Call.PROMOTE if moved.largest <= guard.margin else Call.INCONCLUSIVE
    return _reason(guard, call, f"{told}; at most {guard.margin:g} is allowed.", numbers)


def _reason(guard: GuardSpec, call: Call, sentence: str, numbers: Mapping[str, Number]) -> Reason:
    """That nothing else gets worse is no reason to promote: it is a check."""
    name = f"guard-{guard.name.removeprefix('$')}"
    return Reason(name=name, call=call, sentence=sentence, numbers=numbers, is_check=True)


def _told(guard: GuardSpec, difference: float, counted: str) -> str:
    """What was seen in how many; `difference` is turned so that higher is better."""
    is_rounding = abs(difference) < _ROUNDING * (guard.high - guard.low)  # of sums, not of the world
    change = 0.0 if is_rounding else -difference if guard.better == "lower" else difference
    if guard.name == ERRORS:
        return f"it gave no answer in {_amount(guard, change)} of {counted}"
    unit = " ms" if guard.name == LATENCY_MS else ""
    return f"it is {change:+.4g}{unit} beside the champion in {counted}"


def _amount(guard: GuardSpec, value: float) -> str:
    """A margin with its unit."""
    if guard.name == ERRORS:
        return f"{100 * value:.3g} %"
    return f"{value:g}{' ms' if guard.name == LATENCY_MS else ''}"
