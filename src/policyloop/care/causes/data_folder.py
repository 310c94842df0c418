"""Data folder: its disk is nearly full, so that new events are refused, or a file of the log was damaged."""

from __future__ import annotations

from policyloop.care.alarms import damaged_files, of_the_disk
from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where the disk is full or the log damaged."""
    full = of_the_disk(examination.deployment)
    if full:
        return Cause(
            name="data-folder",
            severity="stops",
            sentence=f"The disk is nearly full: {full[0]}",
            advice="Make room, or set home.path to a larger disk; `policyloop clean` takes out what nobody needs.",
        )
    damaged = damaged_files(examination.deployment)
    if not damaged:
        return None
    return Cause(
        name="data-folder",
        severity="misleads",
        sentence=f"The log was damaged: {', '.join(damaged[:3])} in log/quarantine.",
        advice="`policyloop fsck` tells what was lost. Move these files elsewhere when you have seen it.",
        share=0.0,
        numbers={"files": float(len(damaged))},
    )
