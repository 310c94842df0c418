"""Hard checks: does the model work at all? They come before any evidence, and again wherever a model is loaded.

Question answered: does it run on every canary decision, in time, with true probabilities that keep the floor?
Letters: n canary decisions, k actions.
"""

from __future__ import annotations

import statistics

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import Clock
from policyloop.core.policy import Actions, Policy
from policyloop.gate.canary import Canary
from policyloop.gate.verdict import Call, Reason, number

# A decision is made on the event loop, where code cannot be timed out; so a slow model is not let in.
LATENCY_BUDGET_S = 0.005
_SUM_TOLERANCE = 1e-9
_FLOOR_TOLERANCE = 1e-12


def check(policy: Policy, canary: Canary, *, labels: tuple[str, ...], floor: float, clock: Clock) -> tuple[Reason, ...]:
    """One reason per check: `runs`, `finite`, `probabilities`, `floor`, `latency`; a failed one calls for REFUSE.

    Args:
        policy: loaded, over `labels` or over candidates.
        canary: what to try it on.
        labels: the k actions of the loop; none where the caller brings them along.
        floor: total mass that the allowed actions share, in [0, 1].
        clock: measures single decisions.
    """
    try:
        single, seconds = _decide_one_by_one(policy, canary, labels, clock)
        many = policy.probabilities_of_many(canary.contexts, canary.allowed, canary.candidates)
    except Exception as error:  # noqa: BLE001 - whatever a model raises, it is the model that is refused
        return (_reason("runs", False, f"It breaks on a canary decision: {type(error).__name__}: {error}"),)
    runs = _reason("runs", True, f"It runs on {len(canary.contexts):,} canary decisions.")
    if many.shape != single.shape:
        sentence = f"It answers probabilities of shape {many.shape} for many decisions; expected {single.shape}."
        return (runs, _reason("probabilities", False, sentence))
    both = np.concatenate([single, many])
    allowed = np.concatenate([canary.allowed, canary.allowed])
    return (runs, _finite(both), _probabilities(both, allowed), _floor(both, allowed, floor), _latency(seconds))


def _decide_one_by_one(
    policy: Policy, canary: Canary, labels: tuple[str, ...], clock: Clock
) -> tuple[NDArray[np.float64], list[float]]:
    """(n, k) probabilities, and the seconds that each decision took."""
    pmf, seconds = np.zeros(canary.allowed.shape), []
    sets = [None] * len(pmf) if canary.candidates is None else canary.candidates
    for row, context, allowed, offered in zip(pmf, canary.contexts, canary.allowed, sets, strict=True):
        names = labels if offered is None else offered.ids
        actions = Actions(names, allowed[: len(names)], offered)
        start = clock.monotonic_s()
        found = policy.probabilities(context, actions)
        seconds.append(clock.monotonic_s() - start)
        if found.shape != (len(names),):
            raise ValueError(f"it answers probabilities of shape {found.shape}; expected ({len(names)},)")
        row[: len(names)] = found
    return pmf, seconds


def _finite(pmf: NDArray[np.float64]) -> Reason:
    n_bad = int((~np.isfinite(pmf)).any(axis=1).sum())
    told = (
        "All probabilities are finite." if n_bad == 0 else f"{n_bad:,} canary decisions have probabilities that are no number."
    )
    return _reason("finite", n_bad == 0, told, n_bad=n_bad)


def _probabilities(pmf: NDArray[np.float64], allowed: NDArray[np.bool_]) -> Reason:
    """They sum to 1 and nothing lies on an action that is not allowed."""
    off = float(np.abs(pmf.sum(axis=1) - 1.0).max())
    on_masked = float(np.abs(pmf[~allowed]).max(initial=0.0))
    smallest = float(pmf.min())
    is_good = off <= _SUM_TOLERANCE and on_masked == 0.0 and smallest >= 0.0
    if is_good:
        told = "Probabilities sum to 1, and masked actions get none."
    else:
        told = (
            f"Probabilities are off: sums differ from 1 by up to {off:.3g}, masked actions get up to {on_masked:.3g}, "
            f"the smallest is {smallest:.3g}; expected sums of 1, 0 on masked actions and none below 0."
        )
    return _reason("probabilities", is_good, told, largest_sum_error=off, largest_on_masked=on_masked, smallest=smallest)


def _floor(pmf: NDArray[np.float64], allowed: NDArray[np.bool_], floor: float) -> Reason:
    least = floor / allowed.sum(axis=1, keepdims=True)
    short = float(np.where(allowed, least - pmf, -np.inf).max())
    is_kept = short <= _FLOOR_TOLERANCE
    told = f"Every allowed action keeps its share of the floor {floor:g}."
    if not is_kept:
        told = f"An allowed action falls short of its share of the floor {floor:g} by {short:.3g}."
    return _reason("floor", is_kept, told, floor=floor, largest_shortfall=short)


def _latency(seconds: list[float]) -> Reason:
    """By the median: a busy machine delays single decisions, not most of them."""
    median = statistics.median(seconds)
    is_quick = median <= LATENCY_BUDGET_S
    told = f"A decision takes {1e6 * median:,.0f} us in the middle, of {1e6 * LATENCY_BUDGET_S:,.0f} us allowed."
    return _reason("latency", is_quick, told, median_s=median, budget_s=LATENCY_BUDGET_S)


def _reason(name: str, is_passed: bool, sentence: str, **numbers: float) -> Reason:
    call = Call.PROMOTE if is_passed else Call.REFUSE
    told = {key: number(value) for key, value in numbers.items()}
    return Reason(name=name, call=call, sentence=sentence, numbers=told, is_check=True)
