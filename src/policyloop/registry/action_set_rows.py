"""Sets of candidates that were registered ahead: written once under the name that their content gives them.

Question answered: which candidates does this name stand for? Every process of the deployment can ask as soon as
registering was answered.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from policyloop.core.wire import CandidateAction
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, action_sets


def register(records: Records, loop: str, name: str, actions: Sequence[CandidateAction], *, now_us: int) -> None:
    """Write a set, durably; one that is there already stays as it is.

    Args:
        name: the digest of the checked set.
        actions: as they were sent.
    """
    row = {"loop": loop, "name": name, "actions": msgspec.json.encode(actions).decode(), "registered_at": now_us}
    with records.write() as connection:
        connection.execute(insert_into(connection, action_sets).values(**row).on_conflict_do_nothing())


def registered(records: Records, loop: str, name: str) -> list[CandidateAction] | None:
    """The set of that name, as it was sent; None when there is none."""
    query = sa.select(action_sets.c.actions).where(action_sets.c.loop == loop, action_sets.c.name == name)
    with records.read() as connection:
        text = connection.execute(query).scalar()
    return None if text is None else msgspec.json.decode(text, type=list[CandidateAction])


def remove_all(connection: sa.Connection, loop: str) -> None:
    """Take out every set of a loop."""
    connection.execute(sa.delete(action_sets).where(action_sets.c.loop == loop))
