"""What a refresh may trust: a loop's examples without hours that look like an outage, and whether their rewards fit.

Question answered: which examples are learned from and judged by today, and does something hold every promotion?
A released hour counts again; the release is kept beside the hour's other facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from policyloop.core.clock import US_PER_HOUR, hour_of
from policyloop.core.errors import UnknownName
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.gate.clipping import hold_for_clipping
from policyloop.gate.verdict import Reason
from policyloop.join.audit import added
from policyloop.join.history import examples_of
from policyloop.join.hour_states import first_waiting, hour_states
from policyloop.join.outage import held_back
from policyloop.lake.tables import Snapshot
from policyloop.run.deployment import Deployment
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """The data of one refresh."""

    examples: Examples  # of both splits, in the order of the log
    snapshot: Snapshot  # table -> version that they were read from
    held_hours: list[str]  # left out for now
    holds: tuple[Reason, ...]  # against any promotion; empty when the rewards fit their range
    first_waiting: int | None  # decided_at of the first decision that still waits: evidence stops there


def trusted(deployment: Deployment, spec: LoopSpec) -> Trusted:
    """The loop's examples of now, less the held hours."""
    waits = first_waiting(deployment.records, spec.loop)  # before the examples are read: a join between would add to them
    examples, snapshot = examples_of(deployment.lake, deployment.registry, spec)
    held = held_hours(deployment, spec.loop)
    if held:
        hour = np.array([hour_of(int(h) * US_PER_HOUR) for h in examples.decided_at // US_PER_HOUR])
        examples = examples.where(~np.isin(hour, held))
    total = added(state.audit for state in hour_states(deployment.records, spec.loop).values())
    holds = hold_for_clipping(n_clipped=total.clipped, n_examples=total.examples)
    return Trusted(examples=examples, snapshot=snapshot, held_hours=held, holds=holds, first_waiting=waits)


def held_hours(deployment: Deployment, loop: str) -> list[str]:
    """The loop's hours that training leaves out now, oldest first."""
    audits = {hour: state.audit for hour, state in hour_states(deployment.records, loop).items()}
    return held_back(audits, now_us=deployment.clock.now_us(), released=_released(deployment.records, loop))


def release(deployment: Deployment, loop: str, hour: str) -> None:
    """Let a held hour in: a person knows that its low join rate is true.

    Raises:
        UnknownName: the hour is not held back.
    """
    held = held_hours(deployment, loop)
    if hour not in held:
        raise UnknownName("held hour", hour, held)
    with deployment.records.write() as connection:
        connection.execute(insert_into(connection, progress).values(name=_name(loop, hour)).on_conflict_do_nothing())


def forget(records: Records, loop: str) -> None:
    """Take out what is known of a loop's releases."""
    with records.write() as connection:
        connection.execute(sa.delete(progress).where(progress.c.name.startswith(_name(loop, ""), autoescape=True)))


def _released(records: Records, loop: str) -> set[str]:
    prefix = _name(loop, "")
    query = sa.select(progress.c.name).where(progress.c.name.startswith(prefix, autoescape=True))
    with records.read() as connection:
        return {name.removeprefix(prefix) for name in connection.scalars(query)}


def _name(loop: str, hour: str) -> str:
    return f"released:{loop}:{hour}"
