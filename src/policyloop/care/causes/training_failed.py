"""Training failed: the newest training ended in an error, so that no newer model comes."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where the last training failed."""
    job = examination.last_job
    if job is None or job.state != "failed":
        return None
    times = "once" if job.attempt == 1 else f"{job.attempt} times"
    return Cause(
        name="training-failed",
        severity="stops",
        sentence=f"The last training failed {times}: {(job.message or 'nobody knows why').rstrip('.')}.",
        advice=f"Mend what the message names, then `policyloop train {examination.loop}` tries again at once.",
        numbers={"attempts": float(job.attempt)},
    )
