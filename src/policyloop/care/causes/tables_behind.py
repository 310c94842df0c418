"""Tables behind: a worker runs, and what the servers logged a while ago is not in the tables yet."""

from __future__ import annotations

from policyloop.care.alarms import is_worker_missing, lag_s
from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination


def find(examination: Examination) -> Cause | None:
    """The cause, where the tables are more than a minute behind."""
    behind_s = lag_s(examination.deployment, examination.watermark)
    if not behind_s or is_worker_missing(examination.deployment):
        return None
    return Cause(
        name="tables-behind",
        severity="stops",
        sentence=f"The tables are {behind_s:,.0f} s behind the log, though a worker runs.",
        advice="Look at the worker's log lines; `policyloop fsck` finds what it cannot read.",
        numbers={"behind_s": behind_s},
    )
