"""Clearing: what a loop received leaves the tables; its spec and its models stay.

Question answered: how does everything up to a moment go, while servers write and workers work? The wish is kept in the
records. Whoever ships the log carries it out, when all that was received before that moment is in the tables, so that nothing
of it comes in later.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from policyloop.lake import maintain
from policyloop.lake.watermark import read_watermark
from policyloop.run.deployment import Deployment
from policyloop.run.watches import trusted
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress

_PREFIX = "clear:"


def ask(records: Records, loop: str, *, before_us: int) -> None:
    """Keep the wish that everything goes which a loop received before a moment; a later wish takes an earlier one's place."""
    with records.write() as connection:
        wish = insert_into(connection, progress).values(name=_PREFIX + loop, value=before_us)
        connection.execute(wish.on_conflict_do_update(index_elements=[progress.c.name], set_={"value": before_us}))


def wishes(records: Records) -> Mapping[str, int]:
    """Loop -> the moment before which everything is to go, microseconds; of those that were not carried out yet."""
    query = sa.select(progress.c.name, progress.c.value).where(progress.c.name.startswith(_PREFIX, autoescape=True))
    with records.read() as connection:
        return {row.name.removeprefix(_PREFIX): int(row.value) for row in connection.execute(query)}


def carry_out(deployment: Deployment) -> list[str]:
    """Clear the loops whose time has come; answers which. Only for the holder of the lease, after shipping."""
    waiting = wishes(deployment.records)
    done = []
    for loop, before_us in waiting.items():
        if read_watermark(deployment.records) >= before_us:
            maintain.forget_before(deployment.lake, deployment.records, loop, time=before_us)
            _fulfilled(deployment.records, loop, before_us)
            done.append(loop)
    return done


def forget_events(deployment: Deployment, loop: str) -> None:
    """Take out all of a loop's events and examples, and what is known of them. Nothing else may write meanwhile."""
    maintain.forget(deployment.lake, deployment.records, loop)
    trusted.forget(deployment.records, loop)
    with deployment.records.write() as connection:
        connection.execute(sa.delete(progress).where(progress.c.name == _PREFIX + loop))


def _fulfilled(records: Records, loop: str, before_us: int) -> None:
    """Let go of a wish, unless a later one has come."""
    with records.write() as connection:
        connection.execute(sa.delete(progress).where(progress.c.name == _PREFIX + loop, progress.c.value == before_us))
