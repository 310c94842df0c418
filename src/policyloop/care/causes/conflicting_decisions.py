"""Conflicting decisions: one decision_id was sent for several decisions; these are learned from by nobody."""

from __future__ import annotations

from policyloop.care.alarms import MANY_CONFLICTS
from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where more than one decision in a thousand is in conflict."""
    recent = examination.recent
    if recent.conflict <= MANY_CONFLICTS * recent.decisions:
        return None
    share = recent.conflict / recent.decisions
    return Cause(
        name="conflicting-decisions",
        severity="misleads",
        sentence=(
            f"{recent.conflict:,} of {recent.decisions:,} decisions ({share:.1%}) were made twice under one id, with different "
            f"probabilities, contexts or actions; they are left out."
        ),
        advice="Send each new decision under a new decision_id, or leave the id out and use the one that is answered.",
        share=share,
        numbers={"conflict": float(recent.conflict), "decisions": float(recent.decisions)},
    )
