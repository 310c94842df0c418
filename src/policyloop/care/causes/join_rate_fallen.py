"""Join rate fallen: in some hours far fewer decisions than usual found an outcome; they are held back from learning."""

from __future__ import annotations

import statistics

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination

_MOST_HOURS = 5


def find(examination: Examination) -> Cause | None:
    """The cause, where hours are held back."""
    held = examination.held
    if not held:
        return None
    audits = examination.audits
    usual = statistics.median(audits[hour].join_rate for hour in audits if hour not in held and audits[hour].examples)
    told = ", ".join(f"{hour} ({audits[hour].join_rate:.1%})" for hour in held[:_MOST_HOURS])
    more = f" and {len(held) - _MOST_HOURS} more hours" if len(held) > _MOST_HOURS else ""
    n_held, n_recent = (sum(audits[hour].examples for hour in hours) for hours in (held, examination.recent_hours))
    return Cause(
        name="join-rate-fallen",
        severity="misleads",
        sentence=(
            f"Far fewer decisions than usual ({usual:.1%}) found an outcome in {told}{more}: {n_held:,} examples are held back "
            f"and not learned from for now."
        ),
        advice=(
            "Were outcomes lost? Send them again, however late, and the hour is joined anew. If the rate is true, "
            f"`policyloop join {examination.loop} --release {held[0]}` lets the hour in; after a day it is let in by itself."
        ),
        share=min(n_held / max(n_recent, 1), 1.0),
        numbers={"hours": float(len(held)), "usual": usual, "lowest": min(audits[hour].join_rate for hour in held)},
    )
