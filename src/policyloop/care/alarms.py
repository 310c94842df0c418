"""Alarms: what a person should look at now, each in a sentence that says what to do.

Question answered: is something wrong that will not mend itself?
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import zip_longest

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
MANY_CONFLICTS = 0.001  # share of the decisions
MANY_EXECUTED = 0.01  # share of an action's examples
INSTEAD_OF_OVERRULING = (  # of numbers
    "If a safety system overrules the answers, put what it allows into `limits`; if a person acts on advice, this is as it "
    "should be."
)


def alarms_of(
    deployment: Deployment,
    *,
    labels: Sequence[str],
    has_box: bool,
    audit: Audit,
    last_day: Audit,
    last_job: Job | None,
    held_hours: Sequence[str],
    watermark: int,
) -> list[str]:
    """The alarms of one loop, the gravest first; empty when all is well.

    Args:
        labels: the loop's actions.
        has_box: whether its actions have numbers.
        audit: the loop's counts.
        last_day: those of the last 24 hours.
        last_job: its newest training, None before the first.
        held_hours: its hours that look like an outage.
        watermark: microseconds.
    """
    return [
        *_of_the_log(deployment, watermark),
        *of_the_disk(deployment),
        *_of_training(last_job),
        *_of_the_join(audit, last_day, held_hours),
        *_of_what_was_executed(labels, last_day, has_box=has_box),
        *_of_strange_outcomes(last_day),
    ]


def damaged_files(deployment: Deployment) -> list[str]:
    """Names of the log's files in which something could not be read, in alphabetical order."""
    return sorted(path.name for path in (deployment.home.log / "quarantine").glob("*"))


def is_worker_missing(deployment: Deployment) -> bool:
    """Whether servers run and nobody takes up what they log."""
    return bool(log_folder.beats(deployment.home.log)) and not _has_worker(deployment)


def lag_s(deployment: Deployment, watermark: int) -> float:
    """How far the tables are behind a log that is written to, seconds; 0 where that is nothing to speak of."""
    if not watermark or not log_folder.beats(deployment.home.log):
        return 0.0
    behind_s = (deployment.clock.now_us() - watermark) / US_PER_S
    return behind_s if behind_s > _STALE_S else 0.0


def of_the_disk(deployment: Deployment) -> list[str]:
    """The alarm of a disk that is nearly full; empty when it is not."""
    free = shutil.disk_usage(deployment.home.path).free
    if free >= _LOW_DISK_BYTES:
        return []
    return [f"{free / 2**30:.1f} GiB of disk are free; below log.low_water_bytes new events are refused. Make room."]


def _of_the_log(deployment: Deployment, watermark: int) -> list[str]:
    found = []
    damaged = damaged_files(deployment)
    if damaged:
        found.append(
            f"the log was damaged: {', '.join(damaged[:3])} in log/quarantine; `policyloop fsck` tells what was lost. "
            f"Move what is there elsewhere when you have seen it, and this ends."
        )
    if is_worker_missing(deployment):
        found.append("servers run, but no worker: nothing is joined or learned. Start `policyloop work`.")
    elif behind_s := lag_s(deployment, watermark):
        found.append(f"the tables are {behind_s:,.0f} s behind the log; the worker's log lines may tell why.")
    return found


def _of_training(last_job: Job | None) -> list[str]:
    if last_job is None or last_job.state != "failed":
        return []
    return [f"the last training failed {last_job.attempt} times: {last_job.message}"]


def _of_the_join(audit: Audit, last_day: Audit, held_hours: Sequence[str]) -> list[str]:
    """Of all time what holds the gate; of the rest what came in the last day, so that an alarm ends with its cause."""
    found = [hold.sentence for hold in hold_for_clipping(n_clipped=audit.clipped, n_examples=audit.examples)]
    if held_hours:
        found.append(
            f"outcomes are missing in {', '.join(held_hours)}, which is not learned from for now; if that is true, "
            f"`policyloop join --release HOUR` lets it in."
        )
    if last_day.conflict > MANY_CONFLICTS * max(last_day.decisions, 1):
        found.append(
            f"decisions made twice under one id, with different probabilities or contexts, in the last day: "
            f"{last_day.conflict:,}. They are left out; send each new decision under a new decision_id."
        )
    return found


def _of_strange_outcomes(last_day: Audit) -> list[str]:
    found = []
    if last_day.undeclared:
        found.append(
            f"outcomes with names that the loop does not declare in the last day: {last_day.undeclared:,}. They are stored, "
            f"and are no part of the reward; see the spec."
        )
    if last_day.orphan:
        found.append(
            f"outcomes that belong to no decision in the last day: {last_day.orphan:,}. Do the clients send the decision_id "
            f"that they were given?"
        )
    return found


def _of_what_was_executed(labels: Sequence[str], last_day: Audit, *, has_box: bool) -> list[str]:
    """Actions that something else than the policy overrules: what the gate still sees of them is a selection."""
    if has_box:
        return _of_what_was_executed_in_numbers(last_day)
    if not labels:
        return _of_what_was_executed_at_all(last_day)
    counts = zip_longest(last_day.chosen_by_action, last_day.instead_by_action, fillvalue=0)
    return [
        f"'{label}' was chosen {n_chosen:,} times in the last day, and in {n_instead:,} of them ({n_instead / n_chosen:.1%}) "
        f"another action was carried out; the gate cannot use these. Mask what cannot be done when you ask for a decision."
        for label, (n_chosen, n_instead) in zip(labels, counts, strict=False)
        if n_instead > MANY_EXECUTED * n_chosen
    ]


def _of_what_was_executed_in_numbers(last_day: Audit) -> list[str]:
    """The same of numbers, of which none can be masked."""
    if last_day.executed <= MANY_EXECUTED * last_day.examples:
        return []
    return [
        f"in {last_day.executed:,} of {last_day.examples:,} steps of the last day something else than the answer was carried "
        f"out: these are learned from as they were done, and are no evidence. {INSTEAD_OF_OVERRULING}"
    ]


def _of_what_was_executed_at_all(last_day: Audit) -> list[str]:
    """The same where the caller brings the actions along, so that none has a count of its own."""
    if last_day.executed <= MANY_EXECUTED * last_day.examples:
        return []
    return [
        f"in {last_day.executed:,} of {last_day.examples:,} examples of the last day another action than the chosen was "
        f"carried out; the gate cannot use these. Exclude what cannot be done when you ask for a decision."
    ]


def _has_worker(deployment: Deployment) -> bool:
    with deployment.records.read() as connection:
        until = connection.execute(sa.select(leases.c.expires_at).where(leases.c.name == WORK)).scalar()
    return until is not None and until > deployment.clock.now_us()
