"""Worker missing: servers log decisions, and no process takes them up; nothing is joined, trained or judged."""

from __future__ import annotations

from policyloop.care.alarms import is_worker_missing
from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where servers run without a worker."""
    if not is_worker_missing(examination.deployment):
        return None
    return Cause(
        name="worker-missing",
        severity="stops",
        sentence="Servers run, but no worker: nothing is joined or learned.",
        advice="Start `policyloop work`, or `policyloop up`, which runs both.",
    )
