"""Status: one loop on one screen. What comes in, what decides, what the next model waits for, what is wrong.

Question answered: is this loop well, and what happens next? Numbers are those of the last joins, so they are as old as
the watermark says.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import msgspec

from policyloop.care.alarms import alarms_of
from policyloop.core.clock import US_PER_S, TimeUs, hour_of
from policyloop.join.audit import Audit, added
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.join.episode_hours import episode_audit
from policyloop.join.hour_states import hour_states, n_settled
from policyloop.join.hours import audit_loop, audit_unplaced
from policyloop.lake.watermark import read_watermark
from policyloop.registry import notice_rows
from policyloop.registry.notice_rows import NoticeCounts
from policyloop.registry.registry import Standing
from policyloop.registry.verdict_rows import VerdictRow
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.jobs import Job
from policyloop.run.schedule import last_training, waits_for
from policyloop.run.watches.trusted import held_hours

_RECENT_HOURS = 24
_US_PER_HOUR = 3600 * US_PER_S


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What came in."""

    this_hour: int  # decisions that began in the present UTC hour
    last_day: int  # decisions of the last 24 UTC hours
    in_all: int
    join_rate: float | None  # share of the last day's examples with an outcome, in [0, 1]; None: no example
    watermark: TimeUs | None  # up to then all that was received is in the tables; None: nothing is yet


class LastVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """The newest word of the gate or of a person."""

    verdict: str
    model: str
    sentence: str
    at: TimeUs


class OpenChallenge(msgspec.Struct, frozen=True, kw_only=True):
    """The challenge that goes on."""

    id: int
    state: str
    model: str | None  # None: its first is not trained yet
    is_waiting: bool  # for a person to approve
    since: TimeUs  # it came into its state
    sentence: str  # the newest word on it


class LoopStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One loop."""

    loop: str
    spec: str  # digest
    spec_version: int
    champion: str | None  # None: the baseline decides
    champion_since: TimeUs | None
    has_episodes: bool
    examples_in_champion: int | None  # of a loop with episodes: transitions
    previous: str | None
    anchor: str | None
    is_paused: bool
    is_frozen: bool
    n_models: int
    n_examples: int  # of a loop with episodes: transitions
    traffic: Traffic
    audit: Audit
    held_hours: list[str]  # look like an outage and are not learned from for now
    waits_for: str  # what the next training waits for, in words
    last_job: Job | None
    last_verdict: LastVerdict | None
    challenge: OpenChallenge | None  # None: none goes on
    episodes: EpisodeAudit | None  # of loops with episodes: how many are over, wait, and how they ended
    alarms: list[str]


class DiskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The data folder."""

    home: str
    size_bytes: int
    free_bytes: int


def status_of(deployment: Deployment, loop: str) -> LoopStatus:
    """One loop, by its name or an alias.

    Raises:
        UnknownLoop: there is none.
    """
    standing = deployment.registry.standing(loop)
    return _status(deployment, standing)


def all_statuses(deployment: Deployment) -> list[LoopStatus]:
    """Every loop, by name."""
    return [_status(deployment, standing) for _, standing in sorted(deployment.registry.standings().items())]


def disk_of(deployment: Deployment) -> DiskStatus:
    """How much room the data takes and how much there is left."""
    home = deployment.home.path
    size = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    return DiskStatus(home=str(home), size_bytes=size, free_bytes=shutil.disk_usage(home).free)


def notices_of(deployment: Deployment) -> NoticeCounts:
    """How many notices wait to be told, were told, and were given up."""
    with deployment.records.read() as connection:
        return notice_rows.counts(connection)


def _status(deployment: Deployment, standing: Standing) -> LoopStatus:
    loop, row, now_us = standing.spec.loop, standing.row, deployment.clock.now_us()
    models = {model.model: model for model in deployment.registry.models(loop)}
    audits = {hour: state.audit for hour, state in hour_states(deployment.records, loop).items()}
    audit = audit_loop(deployment.lake, deployment.records, loop)
    last_day = _last_day(audits, now_us)
    unplaced = audit_unplaced(deployment.lake, deployment.records, loop, since=now_us - _RECENT_HOURS * _US_PER_HOUR)
    held = held_hours(deployment, loop)
    last_job = jobs.last(deployment.records, loop)
    watermark = read_watermark(deployment.records)
    traffic = _traffic(audits, last_day, now_us=now_us, watermark=watermark or None)
    champion = models.get(row.champion or "")
    return LoopStatus(
        loop=loop,
        spec=standing.spec.digest,
        spec_version=row.spec_version,
        has_episodes=standing.spec.episodes is not None,
        champion=row.champion,
        champion_since=deployment.registry.champion_since(loop),
        examples_in_champion=None if champion is None else champion.n_examples,
        previous=row.previous,
        anchor=row.anchor,
        is_paused=row.is_paused,
        is_frozen=row.is_frozen,
        n_models=len(models),
        n_examples=audit.examples,
        traffic=traffic,
        audit=audit,
        held_hours=held,
        waits_for=waits_for(
            standing.spec.train,
            now_us=now_us,
            n_examples=n_settled(deployment.records, standing.spec),
            last=last_training(deployment.records, deployment.registry, loop),
        ),
        last_job=last_job,
        last_verdict=_last(deployment.registry.verdicts(loop, limit=1)),
        challenge=_challenge(deployment, loop),
        episodes=None if standing.spec.episodes is None else episode_audit(deployment.records, loop),
        alarms=alarms_of(
            deployment,
            labels=standing.spec.labels,
            has_box=standing.spec.has_box,
            audit=audit,
            last_day=added([last_day, unplaced]),
            last_job=last_job,
            held_hours=held,
            watermark=watermark,
        ),
    )


def _last_day(audits: Mapping[str, Audit], now_us: int) -> Audit:
    recent = {hour_of(now_us - n * _US_PER_HOUR) for n in range(_RECENT_HOURS)}
    return added(audit for hour, audit in audits.items() if hour in recent)


def _traffic(audits: Mapping[str, Audit], last_day: Audit, *, now_us: int, watermark: int | None) -> Traffic:
    this_hour = audits.get(hour_of(now_us))
    return Traffic(
        this_hour=0 if this_hour is None else this_hour.decisions,
        last_day=last_day.decisions,
        in_all=added(audits.values()).decisions,
        join_rate=last_day.join_rate if last_day.examples else None,
        watermark=watermark,
    )


def _last(newest_first: list[VerdictRow]) -> LastVerdict | None:
    if not newest_first:
        return None
    row = newest_first[0]
    return LastVerdict(verdict=row.verdict.call, model=row.verdict.model, sentence=row.verdict.sentence, at=row.at)


def _challenge(deployment: Deployment, loop: str) -> OpenChallenge | None:
    """The one that goes on, with the newest word on it."""
    row = deployment.registry.challenges.open(loop)
    if row is None:
        return None
    moves = deployment.registry.challenges.moves(loop, challenge=row.id, limit=1)
    return OpenChallenge(
        id=row.id,
        state=row.state.value,
        model=row.model,
        is_waiting=row.is_waiting,
        since=row.changed_at,
        sentence=moves[0].verdict.sentence if moves else "",
    )
