"""The sections `outcomes:` and `reward:` of a loop file: what is seen later, and the number that is made of it.

Question answered: between which bounds can the reward lie, given what each outcome may be and how reports add up?
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from policyloop.core.errors import BadExpression, Fault
from policyloop.core.expression import Expression
from policyloop.core.expression_parser import KEYWORDS
from policyloop.core.loop import OutcomeSpec, RewardSpec
from policyloop.core.section import Section, is_number, show

OUTCOME_TYPES = ("number", "boolean")
TAKES = ("sum", "max", "min", "first", "last", "mean", "count")
DEFAULT_WINDOW_S = 600.0
MAX_OUTCOMES = 200

Range = tuple[float, float]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}", re.ASCII)


def is_outcome_name(name: str) -> bool:
    """Whether an outcome may be named so: it must be readable in an expression."""
    return _NAME.fullmatch(name) is not None and name not in KEYWORDS


def read_outcomes(value: Any, where: str, faults: list[Fault], *, may_be_none: bool = False) -> dict[str, OutcomeSpec]:
    """The declared outcomes by name.

    Args:
        may_be_none: in loops with episodes, whose rewards can be made of contexts and actions alone.
    """
    section = Section(value, where, faults, expected="the outcomes, such as `clicked: {type: boolean, take: max}`")
    if not section.body and isinstance(value, Mapping | None) and not may_be_none:
        section.fault(
            None, "is empty; expected at least one outcome, such as `clicked: {type: boolean, take: max}`.", "missing"
        )
    if len(section.body) > MAX_OUTCOMES:
        section.fault(None, f"has {len(section.body):,} outcomes; expected at most {MAX_OUTCOMES}.")
        return {}
    for name in section.body:
        if not is_outcome_name(name):
            section.fault(
                None,
                f"has an outcome named {show(name)}; expected letters, digits and _, such as dwell_s, as in an expression.",
            )
    return {name: _read_outcome(name, body, f"{where}.{name}", faults) for name, body in section.body.items()}


def _read_outcome(name: str, body: Any, where: str, faults: list[Fault]) -> OutcomeSpec:
    """One outcome; `boolean` alone is short for `{type: boolean}`."""
    section = Section({"type": body} if isinstance(body, str) else body, where, faults, expected="`{type: ...}`")
    kind = section.choice("type", OUTCOME_TYPES, "number", kind="outcome type")
    low = high = None
    if kind == "number":
        low, high = section.number("min", None), section.number("max", None)
        if low is not None and high is not None and low > high:
            section.fault("max", f"is {high:g}, below min {low:g}; expected {low:g} or more.")
    take = section.choice("take", TAKES, "sum", kind="aggregation")
    missing = section.number("missing", 0.0)
    if take in ("sum", "count") and missing != 0:
        section.fault("missing", f"is {missing:g}; expected 0: without a report, the {take} is 0.")
    section.finish(f"option of a {kind} outcome")
    return OutcomeSpec(name=name, type=kind, min=low, max=high, take=take, missing=missing)


def range_of(outcome: OutcomeSpec) -> tuple[float, float]:
    """Between which bounds the aggregated value of an outcome lies, a missing one included; infinite where open."""
    if outcome.take == "count":
        return 0.0, math.inf
    low, high = (0.0, 1.0) if outcome.type == "boolean" else (outcome.min, outcome.max)
    if outcome.take == "sum":  # any number of reports adds up
        return (0.0 if low is not None and low >= 0 else -math.inf), (0.0 if high is not None and high <= 0 else math.inf)
    return (
        -math.inf if low is None else min(low, outcome.missing),
        math.inf if high is None else max(high, outcome.missing),
    )


def read_reward(
    value: Any,
    where: str,
    faults: list[Fault],
    outcomes: Mapping[str, OutcomeSpec],
    *,
    more: Mapping[str, Range] | None = None,
) -> RewardSpec | None:
    """The reward; None when it cannot be told.

    Args:
        more: names that it may use beside outcomes, with their bounds; of loops with episodes (core/spec_episodes.py).
    """
    section = Section(value, where, faults, expected="`{expression: ..., range: [low, high], window: 10m}`")
    n_faults = len(faults)
    for name in outcomes if more else ():
        if name in (more or {}):
            section.fault(
                "expression", f"cannot tell outcome '{name}' from what else is named so; expected another name for it."
            )
            section.take("expression", None)
    expression = _read_expression(section, outcomes, more or {}) if len(faults) == n_faults else None
    reachable = None if expression is None else reachable_range(expression, outcomes, section, more=more)
    bounds = _read_range(section, reachable)
    window_s = section.seconds("window", DEFAULT_WINDOW_S, low=0.001)
    close = section.choice("close", ("window", "final"), "window", kind="close")
    default = section.number("default", 0.0)
    section.finish("key of reward")
    if bounds is not None and not bounds[0] <= default <= bounds[1]:
        section.fault("default", f"is {default:g}; expected a number in the range [{bounds[0]:g}, {bounds[1]:g}].")
    if expression is None or bounds is None:
        return None
    return RewardSpec(expression=expression, low=bounds[0], high=bounds[1], window_s=window_s, close=close, default=default)


def _read_expression(section: Section, outcomes: Mapping[str, OutcomeSpec], more: Mapping[str, Range]) -> Expression | None:
    """The expression; where there is one outcome alone, its name will do."""
    known = [*(name for name in outcomes if is_outcome_name(name)), *more]
    only = next(iter(outcomes)) if len(outcomes) == 1 and all(map(is_outcome_name, outcomes)) else None
    text = section.take("expression", only, expected="arithmetic over the outcomes")
    if text is None and len(known) > 1:
        section.fault("expression", f"is missing; expected arithmetic over {', '.join(known)}.", "missing")
    if text is None or not known:
        return None
    if not isinstance(text, str) and not is_number(text):
        section.fault("expression", f"is {show(text)}; expected arithmetic over {', '.join(known)}.")
        return None
    try:
        return Expression.parse(str(text), known)
    except BadExpression as error:
        for one in (error, *error.also):
            section.fault("expression", str(one), one.code)
        return None


def reachable_range(
    expression: Expression,
    outcomes: Mapping[str, OutcomeSpec],
    section: Section | None = None,
    *,
    more: Mapping[str, Range] | None = None,
) -> tuple[float, float] | None:
    """Bounds of the reward before it is clipped; None, and a fault where a section is given, when it can be undefined."""
    try:
        return expression.bounds({name: range_of(outcome) for name, outcome in outcomes.items()} | dict(more or {}))
    except BadExpression as error:
        if section is not None:
            section.fault("expression", str(error), error.code)
        return None


def _read_range(section: Section, reachable: tuple[float, float] | None) -> tuple[float, float] | None:
    """[low, high]; what the expression can reach where the file says nothing and that is bounded."""
    value = section.take("range", None)
    if "range" in section.body:
        if isinstance(value, list) and len(value) == 2 and all(is_number(v) for v in value) and value[0] < value[1]:
            return float(value[0]), float(value[1])
        section.fault("range", f"is {show(value)}; expected [low, high], two numbers with low below high.")
        return None
    if reachable is None:
        return None
    low, high = reachable
    if math.isfinite(low) and math.isfinite(high) and low < high:
        return low, high
    section.fault(
        "range",
        f"is missing, and the expression lies in [{low:g}, {high:g}]; expected [low, high]: what lies outside is clipped.",
        "missing",
    )
    return None
