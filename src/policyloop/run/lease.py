"""A lease: only one process at a time does the work that must not be done twice.

The holder renews it well before it ends; when the holder dies, another takes over after the lease has run out.
"""

from __future__ import annotations

import sqlalchemy as sa

from policyloop.core.clock import US_PER_S, Clock
from policyloop.storage.records import Records, leases

LEASE_S = 15.0
WORK = "work"  # of whoever writes the tables


class Lease:
    """The right to be the only one, for `LEASE_S` seconds at a time."""

    def __init__(self, records: Records, name: str, *, holder: str, clock: Clock) -> None:
        self._records = records
        self._name = name
        self._holder = holder
        self._clock = clock

    def take(self) -> bool:
        """Take or renew the lease; False when another holds it."""
        now_us = self._clock.now_us()
        mine = {"holder": self._holder, "expires_at": now_us + int(LEASE_S * US_PER_S)}
        with self._records.write() as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == self._name)).first()
            if row is None:
                connection.execute(sa.insert(leases).values(name=self._name, **mine))
                return True
            if row.holder != self._holder and row.expires_at > now_us:
                return False
            connection.execute(sa.update(leases).where(leases.c.name == self._name).values(**mine))
            return True

    def give_back(self) -> None:
        """Let the next one have it at once."""
        with self._records.write() as connection:
            connection.execute(sa.delete(leases).where(leases.c.name == self._name, leases.c.holder == self._holder))
