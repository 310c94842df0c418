"""A row of another system's file: a decision that it made, what came of it, or both.

Question answered: what does this row say in our words? Values are brought into the types that the loop declares where
that loses nothing; whether they fit is for `ingest` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import Field, LoopSpec, OutcomeSpec
from policyloop.core.wire import OutcomeRequest, TrackedDecision


@dataclass(frozen=True, slots=True)
class ImportedRow:
    """One decision and its outcomes; no outcomes: nothing was reported, so the reward is the loop's default."""

    where: str  # `row 17`, for messages
    decision: TrackedDecision
    outcomes: Mapping[str, float | bool]
    density: dict[str, Any] | None = None  # what the system told of how it chose, where that is no probability
    extra: dict[str, Any] | None = None  # what has no place in the loop's fields


@dataclass(frozen=True, slots=True)
class ImportedReport:
    """What came of a decision that stands elsewhere, in this file or another, or that never turns up."""

    where: str
    report: OutcomeRequest  # with an outcome_id, so that a second import is a duplicate


Row = ImportedRow | ImportedReport | Fault  # a reader yields the fault of a row that it cannot read, and goes on


def outcome_of(spec: LoopSpec, name: str | None) -> OutcomeSpec:
    """The outcome that a file's reward column is reported as: the one that was named, or the loop's only one.

    Raises:
        Invalid: the loop has no such outcome, or several and none was named.
    """
    known = ", ".join(spec.outcomes)
    if name is None and len(spec.outcomes) == 1:
        return next(iter(spec.outcomes.values()))
    if name is None:
        raise Invalid([Fault("--outcome", f"is missing; expected which outcome the reward column is: {known}.", "missing")])
    if name not in spec.outcomes:
        raise Invalid([Fault("--outcome", f"is '{name}'; expected one of {known}.", "unknown_name")])
    return spec.outcomes[name]


def outcome_value(outcome: OutcomeSpec, value: float) -> float | bool:
    """A reward as the outcome declares it: 0 and 1 of a boolean are false and true."""
    return bool(value) if outcome.type == "boolean" and value in (0.0, 1.0) else value


def context_of(values: list[Any] | dict[str, Any], spec: LoopSpec) -> dict[str, Any]:
    """A context by name: a list is taken in the order of the loop's fields, and must be as long.

    Raises:
        ValueError: the list is of another length.
    """
    if isinstance(values, list):
        if len(values) != len(spec.context):
            raise ValueError(f"has {len(values):,} values; expected {len(spec.context):,}, one per field of the loop.")
        return {name: _as_field(field, value) for (name, field), value in zip(spec.context.items(), values, strict=True)}
    return {name: _as_field(spec.context[name], value) if name in spec.context else value for name, value in values.items()}


def _as_field(field: Field, value: Any) -> Any:
    """The value in the field's type where nothing is lost by it: 3.0 is the integer 3, and 3 the category "3"."""
    if isinstance(value, bool):
        return value
    if field.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    if field.type == "boolean" and isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if field.type in ("category", "text") and isinstance(value, int | float):
        return f"{value:.15g}"
    if field.type == "json" and isinstance(value, str):
        return _as_json(value)
    return value


def _as_json(text: str) -> Any:
    """The object or list that a cell holds as text; the text itself where it is none, which `ingest` refuses."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
    return found if isinstance(found, dict | list) else text
