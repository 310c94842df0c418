"""A deployment whose draws and splits are the same in every run: its salt is known, where others make one by chance."""

import sqlalchemy as sa

from policyloop.core.rng import salt_id
from policyloop.storage.records import salts

SALT = b"a salt of thirty-two bytes, yes!"


def give_salt(deployment, salt=SALT):
    """Before the first decision or import; ids that are given, too, make all of it the same."""
    with deployment.records.write() as connection:
        connection.execute(sa.insert(salts).values(salt_id=salt_id(salt), salt=salt, created_at=deployment.clock.now_us()))
