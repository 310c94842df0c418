"""Jobs: the queue of work that runs in a process of its own, kept in the records.

Question answered: what is to be run, what runs, and how did it end? One job a loop at a time; a job that was
running when its worker died is queued again. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from policyloop.core.clock import TimeUs
from policyloop.core.errors import NothingToDo
from policyloop.registry import notice_rows
from policyloop.storage.records import Records
from policyloop.storage.records import jobs as table

TRAIN = "train"  # a newer model of the loop's own recipe
TUNE = "tune"  # a search by a person; it runs in that person's process and is never claimed by the worker
OPEN_STATES = ("queued", "running")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One piece of work for one loop."""

    id: int
    loop: str
    kind: str  # `train`, `challenge`, `evaluate`, `tune`
    state: str  # queued, running, done, failed
    attempt: int  # 1, 2, ...
    reason: str  # why it was queued
    message: str | None  # how it ended
    queued_at: TimeUs
    started_at: TimeUs | None
    ended_at: TimeUs | None
    n_examples: int | None  # examples of the loop when it was queued


def queue(records: Records, loop: str, *, reason: str, n_examples: int, now_us: int, kind: str = TRAIN) -> Job | None:
    """Put a job in the queue; None when one of that kind is queued already.

    A job that runs does not count: what it does not see anymore, the next one will.
    """
    with records.write() as connection:
        waiting = connection.execute(
            sa.select(table.c.id).where(table.c.loop == loop, table.c.kind == kind, table.c.state == "queued")
        ).first()
        if waiting:
            return None
        return _insert(connection, loop, kind=kind, reason=reason, n_examples=n_examples, now_us=now_us, attempt=1)


def retry(records: Records, job: Job, *, not_before_us: int) -> Job:
    """Queue a failed job once more, as the next attempt, to be claimed no earlier. What it is retried for stays its reason."""
    with records.write() as connection:
        return _insert(
            connection,
            job.loop,
            kind=job.kind,
            reason=job.reason,
            n_examples=job.n_examples or 0,
            now_us=not_before_us,
            attempt=job.attempt + 1,
        )


def begin(records: Records, loop: str, *, reason: str, n_examples: int, now_us: int, kind: str = TRAIN) -> Job:
    """A job of this process, marked as running. Only the holder of the lease may train.

    A training that waits, or that was running when its process died, is taken up: it keeps its number and its folder. Where
    there are several, the oldest is, and it does what the others were for.
    """
    with records.write() as connection:
        open_ones = (table.c.loop == loop, table.c.kind == kind, table.c.state.in_(OPEN_STATES))
        found = connection.execute(sa.select(table).where(*open_ones).order_by(table.c.id).limit(1)).first()
        if found is None or kind == TUNE:
            job = _insert(connection, loop, kind=kind, reason=reason, n_examples=n_examples, now_us=now_us, attempt=1)
        else:
            job = Job(**found._mapping)
            others = sa.update(table).where(*open_ones, table.c.id != job.id)
            connection.execute(others.values(state="done", message=f"left to job {job.id}", ended_at=now_us))
        connection.execute(sa.update(table).where(table.c.id == job.id).values(state="running", started_at=now_us))
        return replace(job, state="running", started_at=now_us)


def claim(records: Records, *, now_us: int) -> Job | None:
    """The oldest queued job whose time has come and whose loop has none running, now marked as running."""
    running = sa.select(table.c.loop).where(table.c.state == "running", table.c.kind != TUNE)
    is_ready = (table.c.state == "queued", table.c.queued_at <= now_us, table.c.loop.not_in(running))
    with records.write() as connection:
        row = connection.execute(sa.select(table).where(*is_ready).order_by(table.c.id).limit(1)).first()
        if row is None:
            return None
        connection.execute(sa.update(table).where(table.c.id == row.id).values(state="running", started_at=now_us))
        return Job(**{**row._mapping, "state": "running", "started_at": now_us})


def finish(records: Records, job_id: int, *, state: str, message: str, now_us: int) -> None:
    """Write down how a job ended: `done` or `failed`."""
    with records.write() as connection:
        _end(connection, job_id, state=state, message=message, now_us=now_us)


def give_up(records: Records, job: Job, *, message: str, now_us: int) -> None:
    """Write down that a job failed and is not tried again, and let it be told outside."""
    with records.write() as connection:
        _end(connection, job.id, state="failed", message=message, now_us=now_us)
        facts = {"sentence": message, "job": job.id, "job_kind": job.kind, "attempts": job.attempt, "reason": job.reason}
        notice_rows.add(connection, job.loop, "job-failure", facts, now_us=now_us)


def take_back_abandoned(records: Records) -> int:
    """Queue again what was running when the last worker died; only the holder of the lease may. Answers how many."""
    is_ours = (table.c.state == "running", table.c.kind != TUNE)
    with records.write() as connection:
        done = connection.execute(sa.update(table).where(*is_ours).values(state="queued", started_at=None))
        return done.rowcount


def last(records: Records, loop: str, *, states: Sequence[str] = (), kind: str = TRAIN) -> Job | None:
    """The newest job of a loop, in one of the states if any are named."""
    query = sa.select(table).where(table.c.loop == loop, table.c.kind == kind).order_by(table.c.id.desc()).limit(1)
    with records.read() as connection:
        row = connection.execute(query.where(table.c.state.in_(states)) if states else query).first()
    return Job(**row._mapping) if row else None


def get(records: Records, job_id: int) -> Job:
    """One job, by its number.

    Raises:
        NothingToDo: there is none of that number.
    """
    with records.read() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == job_id)).first()
    if row is None:
        raise NothingToDo(f"there is no job {job_id}; `policyloop jobs list` shows them.")
    return Job(**row._mapping)


def before(records: Records, job: Job) -> Job | None:
    """The job before this one of the same loop and kind: of a further attempt, the attempt before."""
    of_kind = (table.c.loop == job.loop, table.c.kind == job.kind, table.c.id < job.id)
    with records.read() as connection:
        row = connection.execute(sa.select(table).where(*of_kind).order_by(table.c.id.desc()).limit(1)).first()
    return Job(**row._mapping) if row else None


def history(records: Records, loop: str | None = None, *, limit: int = 50) -> list[Job]:
    """Jobs, newest first."""
    query = sa.select(table).order_by(table.c.id.desc()).limit(limit)
    with records.read() as connection:
        rows = connection.execute(query.where(table.c.loop == loop) if loop else query).all()
    return [Job(**row._mapping) for row in rows]


def _end(connection: sa.Connection, job_id: int, *, state: str, message: str, now_us: int) -> None:
    connection.execute(sa.update(table).where(table.c.id == job_id).values(state=state, message=message, ended_at=now_us))


def _insert(connection: sa.Connection, loop: str, *, kind: str, reason: str, n_examples: int, now_us: int, attempt: int) -> Job:
    values: dict[str, Any] = {
        "loop": loop,
        "kind": kind,
        "state": "queued",
        "attempt": attempt,
        "reason": reason,
        "message": None,
        "queued_at": now_us,
        "started_at": None,
        "ended_at": None,
        "n_examples": n_examples,
    }
    result = connection.execute(sa.insert(table).values(values))
    return Job(id=int(result.lastrowid), **values)
