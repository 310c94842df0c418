"""Alarms: what a person should look at now, each in a sentence that says what to do.

Question answered: is something wrong that will not mend itself?
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence

import sqlalchemy as sa

from policyloop.core.clock import US_PER_S
from policyloop.gate.clipping import hold_for_clipping
from policyloop.join.audit import Audit
from policyloop.log import folder as log_folder
from policyloop.run.deployment import Deployment
from policyloop.run.jobs import Job
from policyloop.run.lease import WORK
from policyloop.storage.records import leases

_STALE_S = 60.0  # behind the present, with a worker that works
_LOW_DISK_BYTES = 2 * 2**30
_MANY_CONFLICTS = 0.001  # share of the decisions


def alarms_of(
    deployment: Deployment, *, audit: Audit, last_job: Job | None, held_hours: Sequence[str], watermark: int
) -> list[str]:
    """The alarms of one loop, the gravest first; empty when all is well.

    Args:
        audit: the loop's counts.
        last_job: its newest training, None before the first.
        held_hours: its hours that look like an outage.
        watermark: microseconds.
    """
    return [
        *_of_the_log(deployment, watermark),
        *_of_the_disk(deployment),
        *_of_training(last_job),
        *_of_the_join(audit, held_hours),
    ]


def _of_the_log(deployment: Deployment, watermark: int) -> list[str]:
    found = []
    damaged = sorted(path.name for path in (deployment.home.log / "quarantine").glob("*"))
    if damaged:
        found.append(
            f"the log was damaged: {', '.join(damaged[:3])} in log/quarantine; `policyloop fsck` tells what was lost. "
            f"Move what is there elsewhere when you have seen it, and this ends."
        )
    serves = bool(log_folder.beats(deployment.home.log))
    if serves and not _has_worker(deployment):
        found.append("servers run, but no worker: nothing is joined or learned. Start `policyloop work`.")
    elif serves and watermark and deployment.clock.now_us() - watermark > _STALE_S * US_PER_S:
        behind_s = (deployment.clock.now_us() - watermark) / US_PER_S
        found.append(f"the tables are {behind_s:,.0f} s behind the log; the worker's log lines may tell why.")
    return found


def _of_the_disk(deployment: Deployment) -> list[str]:
    free = shutil.disk_usage(deployment.home.path).free
    if free >= _LOW_DISK_BYTES:
        return []
    return [f"{free / 2**30:.1f} GiB of disk are free; below log.low_water_bytes new events are refused. Make room."]


def _of_training(last_job: Job | None) -> list[str]:
    if last_job is None or last_job.state != "failed":
        return []
    return [f"the last training failed {last_job.attempt} times: {last_job.message}"]


def _of_the_join(audit: Audit, held_hours: Sequence[str]) -> list[str]:
    found = [hold.sentence for hold in hold_for_clipping(n_clipped=audit.clipped, n_examples=audit.examples)]
    if held_hours:
        found.append(
            f"outcomes are missing in {', '.join(held_hours)}, which is not learned from for now; if that is true, "
            f"`policyloop join --release HOUR` lets it in."
        )
    if audit.conflict > _MANY_CONFLICTS * max(audit.decisions, 1):
        found.append(
            f"{audit.conflict:,} decisions were made twice under one id with different probabilities and are left out; "
            f"send each new decision under a new decision_id."
        )
    if audit.undeclared:
        found.append(
            f"{audit.undeclared:,} outcomes have names that the loop does not declare, and count for nothing; see the spec."
        )
    if audit.orphan:
        found.append(
            f"{audit.orphan:,} outcomes belong to no decision; do the clients send the decision_id that they were given?"
        )
    return found


def _has_worker(deployment: Deployment) -> bool:
    with deployment.records.read() as connection:
        until = connection.execute(sa.select(leases.c.expires_at).where(leases.c.name == WORK)).scalar()
    return until is not None and until > deployment.clock.now_us()
