"""The canary where actions are numbers: a model answers made-up contexts, between several limits, before it may decide.

Question answered: does this model give true densities between any limits, with the floor, the same twice, and in time, and a
finite number for what it expects? The contexts on the edges of a spec are wild ones, far from every history: it need not be
right there, but it must answer.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from policyloop.core.clock import Clock
from policyloop.core.errors import BadModel
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.serve.box import Box, box_of, in_state
from policyloop.serve.chances import Chances, fault_of


def check_numbers(policy: Any, spec: LoopSpec, contexts: Iterable[Context], *, clock: Clock, budget_s: float) -> None:
    """Ask the policy about contexts, between the spec's limits and between narrow ones.

    Raises:
        BadModel: an answer is wrong, is not the same twice, or takes too long.
    """
    box = box_of(spec)
    assert box is not None, "the loop's actions are numbers"
    took_s = []
    for context in contexts:
        for low, high in _limits_of(box):
            start_s = clock.monotonic_s()
            chances = _answer(policy, box, context, low, high, spec.explore.floor)
            took_s.append(clock.monotonic_s() - start_s)
            if _answer(policy, box, context, low, high, spec.explore.floor) != chances:
                raise BadModel("the model gave two answers to the same context; expected a pure function of it.")
    check_time(took_s, budget_s)


def check_time(took_s: Sequence[float], budget_s: float) -> None:
    """By the median: a busy machine delays single decisions, not most of them.

    Raises:
        BadModel: it is more than a decision may take.
    """
    median = statistics.median(took_s)
    if median > budget_s:
        raise BadModel(f"the model takes {median:.3g} s a decision; expected at most {budget_s:g} s.")


def _limits_of(box: Box) -> list[tuple[list[float], list[float]]]:
    """The spec's own limits, a hundredth of them at either end, and none of them at all."""
    low, high = box.limits.between(None)
    near_low = [a + (b - a) / 100 for a, b in zip(low, high, strict=True)]
    near_high = [b - (b - a) / 100 for a, b in zip(low, high, strict=True)]
    return [(low, high), (low, near_low), (near_high, high), (high, high)]


def _answer(policy: Any, box: Box, context: Context, low: list[float], high: list[float], floor: float) -> Chances:
    """What the policy gives, and a value that is a number for its likeliest action.

    Raises:
        BadModel: it gives something else.
    """
    try:
        here = in_state(policy, context)
        chances = box.of_model(here, low, high)
        fault = fault_of(chances, low, high, box.n_labels)
        if fault is None and chances.density.family != "uniform" and chances.density.floor < floor * (1 - 1e-9):
            fault = f"gave a density with the floor {chances.density.floor:g}; expected at least {floor:g}."
        if fault is None:
            choices = [pmf.index(max(pmf)) for pmf in chances.pmfs]
            value = here.value(chances.density.mode(), choices)
            fault = None if value - value == 0.0 else f"expects a return of {value}; expected a finite number."
    except Exception as error:  # whatever a model's file makes it raise
        raise BadModel(f"the model raised {type(error).__name__}: {error}; expected a density.") from error
    if fault is not None:
        raise BadModel(f"the model {fault}")
    return chances
