"""No rewards: decisions are made and settled, and no outcome arrives, so that every reward is the default."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.care.doctor.youth import FEW_EXAMPLES
from policyloop.core.duration import show_duration


def find(examination: Examination) -> Cause | None:
    """The cause, where no outcome of any name came to so many decisions."""
    recent, spec = examination.recent, examination.spec
    if recent.outcomes or recent.examples < FEW_EXAMPLES:
        return None
    names = ", ".join(f"'{name}'" for name in list(spec.outcomes)[:3])
    return Cause(
        name="no-rewards",
        severity="stops",
        sentence=(
            f"No outcome came to any of the last {recent.examples:,} settled decisions, so every reward is the default, "
            f"{spec.reward.default:g}."
        ),
        advice=(
            f"Send {names} with the decision_id that decide answered (POST /v1/loops/{examination.loop}/outcomes) within "
            f"{show_duration(spec.reward.window_s)}; is the client's call reached, and does it get a 202?"
        ),
        numbers={"examples": float(recent.examples), "outcomes": 0.0},
    )
