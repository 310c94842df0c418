"""Orphan outcomes: they name decisions that nobody made here, so that they are in no reward."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination

_MANY = 0.01  # share of the outcomes


def find(examination: Examination) -> Cause | None:
    """The cause, where more than one outcome in a hundred belongs to no decision."""
    recent = examination.recent
    if recent.orphan <= _MANY * recent.outcomes:
        return None
    share = recent.orphan / recent.outcomes
    return Cause(
        name="orphan-outcomes",
        severity="stops" if recent.joined == 0 else "misleads",
        sentence=f"{recent.orphan:,} of {recent.outcomes:,} outcomes ({share:.1%}) belong to no decision of this loop.",
        advice=(
            "Send the very decision_id that decide answered, to the same loop; an id of another loop, of a test server, or one "
            "that was cut or changed in case finds nothing."
        ),
        share=share,
        numbers={"orphan": float(recent.orphan), "outcomes": float(recent.outcomes)},
    )
