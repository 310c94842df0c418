"""When a refresh is trained: so many new examples, so long, or a cron line.

Question answered: is a training due now, and in words, why? A pure function of the spec, the clock and what was
trained last, so that a restart changes nothing. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from croniter import croniter

from policyloop.core.clock import US_PER_S
from policyloop.core.loop import TrainSpec
from policyloop.registry.registry import Registry
from policyloop.run import jobs
from policyloop.storage.records import Records


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTraining:
    """Where the loop stood when it was trained last, or when it was first applied."""

    at_us: int
    n_examples: int


def last_training(records: Records, registry: Registry, loop: str, *, kind: str = jobs.TRAIN) -> LastTraining:
    """The last training of that kind that was queued; before the first, the moment of the loop's first spec."""
    job = jobs.last(records, loop, kind=kind)
    if job is not None:
        return LastTraining(at_us=job.queued_at, n_examples=job.n_examples or 0)
    return LastTraining(at_us=registry.spec_history(loop)[0].applied_at, n_examples=0)


def due(train: TrainSpec, *, now_us: int, n_examples: int, last: LastTraining) -> str | None:
    """Why a training is due, or None when it is not.

    Args:
        train: the loop's `train:` section.
        now_us: the time.
        n_examples: matured examples of the loop, of both splits; of a loop with episodes, those that are over.
        last: the last training that was queued, or the loop's first spec with 0 examples.
    """
    n_new = _n_new(n_examples, last)
    if n_new <= 0:
        return None
    if train.cron is not None:
        return f"cron line '{train.cron}'" if _next_cron_us(train.cron, last.at_us) <= now_us else None
    every, noun = _every(train)
    if every is not None and n_new >= every:
        return f"{n_new:,} new {_of(n_new, noun)}"
    passed_s = (now_us - last.at_us) / US_PER_S
    if train.every_s is not None and passed_s >= train.every_s:
        return f"{passed_s / 3600:.1f} hours since the last training, {n_new:,} new {_of(n_new, noun)}"
    return None


def waits_for(train: TrainSpec, *, now_us: int, n_examples: int, last: LastTraining) -> str:
    """What the next training waits for, in words."""
    n_new = _n_new(n_examples, last)
    every, noun = _every(train)
    if train.cron is not None:
        return f"{_moment(_next_cron_us(train.cron, last.at_us))} ('{train.cron}'), {n_new:,} new {_of(n_new, noun)} so far"
    parts = []
    if every is not None:
        n_more = max(0, every - n_new)
        parts.append(f"{n_more:,} more {_of(n_more, noun)}")
    if train.every_s is not None:
        parts.append(f"{_moment(last.at_us + int(train.every_s * US_PER_S))} with any new {_of(1, noun)}")
    return " or ".join(parts) if parts else "a person who asks for it"


def _every(train: TrainSpec) -> tuple[int | None, str]:
    """How many new ones make a training due, and of what."""
    if train.every_episodes is not None:
        return train.every_episodes, "episodes"
    return train.every_examples, "examples"


def _of(n: int, noun: str) -> str:
    """`episodes`, or one `episode`."""
    return noun.removesuffix("s") if n == 1 else noun


def _n_new(n_examples: int, last: LastTraining) -> int:
    """Examples since the last training; all of them where there are fewer than then, since those were taken out."""
    return n_examples - last.n_examples if n_examples >= last.n_examples else n_examples


def _next_cron_us(cron: str, after_us: int) -> int:
    moment = croniter(cron, datetime.fromtimestamp(after_us / US_PER_S, tz=UTC)).get_next(float)
    return int(moment * US_PER_S)


def _moment(time_us: int) -> str:
    return datetime.fromtimestamp(time_us / US_PER_S, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")
