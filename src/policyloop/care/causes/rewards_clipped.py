"""Rewards clipped: computed rewards leave reward.range and are cut; above one in a thousand nothing is promoted."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.gate.clipping import MOST_CLIPPED, hold_for_clipping


def find(examination: Examination) -> Cause | None:
    """The cause, where the gate is held for it."""
    audit, reward = examination.audit, examination.spec.reward
    if not hold_for_clipping(n_clipped=audit.clipped, n_examples=audit.examples):
        return None
    share = audit.clipped / audit.examples
    return Cause(
        name="rewards-clipped",
        severity="stops",
        sentence=(
            f"{audit.clipped:,} of {audit.examples:,} rewards ({share:.2%}) were outside reward.range [{reward.low:g}, "
            f"{reward.high:g}] and cut; above {MOST_CLIPPED:.1%} no model is promoted."
        ),
        advice=(
            "Mend what is reported. Where the range is wrong, or the expression (it can cut: `min(dwell_s, 60)`), apply a loop "
            "file with one that fits. While a model is live it has to be a new loop, under another name."
        ),
        share=share,
        numbers={"clipped": float(audit.clipped), "examples": float(audit.examples)},
    )
