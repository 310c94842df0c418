"""The canary: a model answers made-up contexts before it may answer real ones.

Question answered: does this model give true probabilities on the edges of what the spec allows, the same twice, and in
time? Runs off the event loop, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policyloop.core.candidates import Candidates
from policyloop.core.clock import Clock
from policyloop.core.corners import corner_candidates, corner_contexts, corner_values
from policyloop.core.errors import BadModel, Fault
from policyloop.core.loop import LoopSpec
from policyloop.core.state import bounded_for_states
from policyloop.ingest.checks import Checks
from policyloop.serve.box_canary import check_numbers, check_time
from policyloop.serve.probabilities import fault_in
from policyloop.serve.served import Served


def check(policy: Any, checks: Checks, *, clock: Clock, budget_s: float) -> None:
    """Ask the policy about contexts on the edges of the spec.

    Args:
        policy: over labels or candidates, or over numbers where the loop's actions are.
        budget_s: what a decision may take; the median over the contexts must stay below.

    Raises:
        BadModel: an answer is wrong, is not the same twice, or takes too long.
    """
    if checks.spec.has_box:
        check_numbers(policy, checks.spec, contexts_of(checks), clock=clock, budget_s=budget_s)
        return
    took_s = []
    candidates = corner_candidates(checks.spec.actions) if checks.spec.is_candidates else None
    k = len(checks.spec.labels) if candidates is None else len(candidates)
    for context in contexts_of(checks):
        for allowed in masks_of(k):
            start_s = clock.monotonic_s()
            pmf = _answer(policy, context, allowed, candidates)
            took_s.append(clock.monotonic_s() - start_s)
            _check_answer(pmf, allowed, checks.spec)
            if _answer(policy, context, allowed, candidates) != pmf:
                raise BadModel("the model gave two answers to the same context; expected a pure function of it.")
    check_time(took_s, budget_s)


def contexts_of(checks: Checks) -> Iterator[dict[str, Any]]:
    """Contexts that the spec allows: all fields low, all high, all missing that may be, and each field's other values."""
    fields = checks.spec.context if checks.spec.episodes is None else bounded_for_states(checks.spec.context)
    corners = corner_contexts(fields)
    corners += [{**corners[0], name: value} for name, field in fields.items() for value in corner_values(field)[1:]]
    for corner in corners:
        faults: list[Fault] = []
        context = checks.context.check(corner, faults)
        assert context is not None, faults
        yield context.values if checks.redaction is None else checks.redaction.apply(context).values


def masks_of(k: int) -> list[list[bool]]:
    """All of k actions, all but the first, and the last alone."""
    masks = [[True] * k, [i > 0 for i in range(k)], [i == k - 1 for i in range(k)]]
    return [mask for mask in masks if any(mask)]


def _answer(policy: Served, context: dict[str, Any], allowed: list[bool], candidates: Candidates | None) -> list[float]:
    try:
        return policy.pmf(context, allowed, candidates)
    except Exception as error:  # whatever a model's file makes it raise
        raise BadModel(f"the model raised {type(error).__name__}: {error}; expected probabilities.") from error


def _check_answer(pmf: list[float], allowed: list[bool], spec: LoopSpec) -> None:
    fault = fault_in(pmf, allowed, len(allowed))
    if fault is not None:
        raise BadModel(f"the model {fault}")
    least = spec.explore.floor / sum(allowed)
    lowest = min(p for p, may in zip(pmf, allowed, strict=True) if may)
    if lowest < least * (1 - 1e-9):
        raise BadModel(
            f"the model gave an action the probability {lowest:.3g}; expected at least {least:.3g}, its share of the floor."
        )
