"""Executed otherwise: something else than the policy decides what is done; these examples are no evidence."""

from __future__ import annotations

from policyloop.care.alarms import INSTEAD_OF_OVERRULING, MANY_EXECUTED
from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination

_MASK = "Mask or exclude what cannot be done when you ask for a decision, rather than overruling it afterwards."


def find(examination: Examination) -> Cause | None:
    """The cause, where another action was carried out in more than one example in a hundred."""
    recent = examination.recent
    if recent.executed <= MANY_EXECUTED * recent.examples:
        return None
    share = recent.executed / recent.examples
    has_box = examination.spec.has_box
    follows = (
        "these steps are learned from as they were done, and are no evidence."
        if has_box
        else "the gate cannot use these, and what it still sees of such actions is a selection."
    )
    return Cause(
        name="executed-otherwise",
        severity="misleads",
        sentence=(
            f"In {recent.executed:,} of {recent.examples:,} examples ({share:.1%}) another action than the chosen was carried "
            f"out ($executed); {follows}"
        ),
        advice=INSTEAD_OF_OVERRULING if has_box else _MASK,
        share=share,
        numbers={"executed": float(recent.executed), "examples": float(recent.examples)},
    )
