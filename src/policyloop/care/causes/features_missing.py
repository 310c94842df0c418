"""Features missing: an optional field never comes, or comes far less often than it did."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.columns import Columns
from policyloop.care.doctor.drift import drift
from policyloop.care.doctor.examination import Examination

_FEWEST = 1000  # decisions
_MUCH = 0.2  # of the decisions, that began to lack the field
_ALPHA = 0.01  # over all fields together
_MOST_NAMES = 5


def find(examination: Examination) -> Cause | None:
    """The cause, where fields are always missing, or more and more."""
    columns = examination.columns
    if len(columns) < _FEWEST:
        return None
    told = {name: why for name in columns.values if (why := _missing(columns, name)) is not None}
    if not told:
        return None
    more = f"; and {len(told) - _MOST_NAMES} more" if len(told) > _MOST_NAMES else ""
    came_once = any(value is not None for name in told for value in columns.values[name])
    return Cause(
        name="features-missing",
        severity="misleads" if came_once else "slows",
        sentence=f"{'; '.join(list(told.values())[:_MOST_NAMES])}{more} ({len(columns):,} newest decisions).",
        advice="Look at the client that asks for decisions: has a release stopped sending the field, or renamed it?",
        share=len(told) / len(columns.values),
        numbers={"fields": float(len(told)), "decisions": float(len(columns))},
    )


def _missing(columns: Columns, name: str) -> str | None:
    """What is wrong with a field, in words; None when nothing is."""
    is_missing = [value is None for value in columns.values[name]]
    if all(is_missing):
        return f"'{name}' was never sent"
    found = drift([float(one) for one in is_missing], is_late=columns.is_late, stratum=columns.stratum)
    if found is None or found.moved < _MUCH or found.p_value > _ALPHA / len(columns.values):
        return None
    half = len(is_missing) // 2
    early, late = sum(is_missing[:half]) / half, sum(is_missing[half:]) / (len(is_missing) - half)
    return f"'{name}' is missing in {late:.0%} of the later half, {early:.0%} of the earlier" if late > early else None
