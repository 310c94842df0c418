"""What the endpoints for people and scripts answer: loops, models, verdicts and jobs as JSON.

Question answered: which keys come back? Times are RFC 3339 in UTC; digests of models and specs are 32 hex characters.
"""

from __future__ import annotations

from typing import Any

import msgspec

from policyloop.core.clock import iso
from policyloop.core.model import BASELINE, Manifest
from policyloop.gate import verdict as verdicts
from policyloop.ingest.parts import part_names
from policyloop.registry.model_rows import ModelRow
from policyloop.registry.registry import Standing
from policyloop.registry.verdict_rows import VerdictRow
from policyloop.run.jobs import Job


class LoopView(msgspec.Struct, frozen=True, kw_only=True):
    """One loop: what holds in it now."""

    loop: str
    spec: str  # digest
    spec_version: int
    serving: str  # what this worker decides with: a model's digest or `baseline`
    champion: str | None  # None: the baseline
    previous: str | None  # what a rollback goes back to
    anchor: str | None
    paused: bool  # the baseline decides, whoever is champion
    frozen: bool  # nothing is promoted
    actions: list[str]  # labels; of actions that are numbers the names of their parts
    changed_at: str


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate or a person decided about a model, with a reason per rule."""

    at: str
    body: dict[str, Any]  # kind, verdict, model, champion, anchor, reasons, estimates


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of work in the queue, under way or done."""

    id: int
    loop: str
    kind: str
    state: str  # queued, running, done, failed
    attempt: int
    reason: str  # why it was queued
    message: str | None  # how it ended
    n_examples: int | None  # of the loop, when it was queued
    queued_at: str
    started_at: str | None
    ended_at: str | None


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """One loop with its numbers."""

    loop: LoopView
    n_examples: int  # decisions that are joined with their reward, of both splits
    n_models: int
    examples_in_champion: int | None  # None: the baseline decides
    champion_since: str | None
    last_job: JobView | None
    last_verdict: VerdictView | None
    watermark: str | None  # up to when everything received is in the tables; None: nothing is yet


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    """One model of a loop."""

    model: str  # digest
    state: str  # challenger, live, replaced, retired, refused, rolled-back
    parent: str | None
    spec: str
    recipe: str
    n_examples: int
    created_at: str


class ModelDetails(msgspec.Struct, frozen=True, kw_only=True):
    """One model with how it was made and what was said of it."""

    model: ModelView
    manifest: Manifest
    verdicts: list[VerdictView]


def loop_view(standing: Standing, *, serving: str | None) -> LoopView:
    """What holds in a loop; `serving` is what this worker decides with, None before it has looked."""
    row = standing.row
    return LoopView(
        loop=row.loop,
        spec=standing.spec.digest,
        spec_version=row.spec_version,
        serving=serving or BASELINE,
        champion=row.champion,
        previous=row.previous,
        anchor=row.anchor,
        paused=row.is_paused,
        frozen=row.is_frozen,
        actions=list(standing.spec.labels) or part_names(standing.spec.actions),
        changed_at=iso(row.changed_at),
    )


def model_view(row: ModelRow) -> ModelView:
    """One model's row."""
    return ModelView(
        model=row.model,
        state=row.state,
        parent=row.parent,
        spec=row.spec,
        recipe=row.recipe,
        n_examples=row.n_examples,
        created_at=iso(row.created_at),
    )


def verdict_view(row: VerdictRow) -> VerdictView:
    """One verdict."""
    return VerdictView(at=iso(row.at), body=msgspec.json.decode(verdicts.to_json(row.verdict)))


def job_view(job: Job) -> JobView:
    """One job."""
    return JobView(
        id=job.id,
        loop=job.loop,
        kind=job.kind,
        state=job.state,
        attempt=job.attempt,
        reason=job.reason,
        message=job.message,
        n_examples=job.n_examples,
        queued_at=iso(job.queued_at),
        started_at=None if job.started_at is None else iso(job.started_at),
        ended_at=None if job.ended_at is None else iso(job.ended_at),
    )
