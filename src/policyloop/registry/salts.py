"""Salts: the deployment's keys for the draw. The newest is used, older ones stay so that old decisions replay."""

from __future__ import annotations

import sqlalchemy as sa

from policyloop.core.clock import Clock
from policyloop.core.rng import new_salt, salt_id
from policyloop.storage.records import Records, salts


def current_salt(records: Records, clock: Clock) -> bytes:
    """The newest salt; the first call of a deployment makes one."""
    with records.write() as connection:
        found = connection.execute(sa.select(salts.c.salt).order_by(salts.c.created_at.desc()).limit(1)).scalar()
        if found is not None:
            return bytes(found)
        salt = new_salt()
        connection.execute(sa.insert(salts).values(salt_id=salt_id(salt), salt=salt, created_at=clock.now_us()))
        return salt


def salt_named(records: Records, name: str) -> bytes | None:
    """The salt of that public name, as events carry it; None when it is not ours."""
    with records.read() as connection:
        found = connection.execute(sa.select(salts.c.salt).where(salts.c.salt_id == name)).scalar()
    return None if found is None else bytes(found)
