"""Held by a person: the loop is paused, so that the baseline decides, or frozen, so that nothing is promoted."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where the loop is paused or frozen."""
    row, loop = examination.standing.row, examination.loop
    if row.is_paused:
        return Cause(
            name="held-by-person",
            severity="stops",
            sentence="The loop is paused: the baseline decides, whatever was learned.",
            advice=f"`policyloop resume {loop}` lets the champion decide again.",
        )
    if row.is_frozen:
        return Cause(
            name="held-by-person",
            severity="stops",
            sentence="The loop is frozen: models are trained and judged, and none is promoted.",
            advice=f"`policyloop gate history {loop}` says why; `policyloop gate unfreeze {loop}` ends it.",
        )
    return None
