"""Where chance comes from in tests of a whole deployment: salt, ids and clock are given, so draws are the same in every run."""

import sqlalchemy as sa

from policyloop.core.clock import US_PER_S
from policyloop.core.rng import salt_id
from policyloop.storage.records import salts

MONDAY_US = 1_767_571_200 * US_PER_S  # 2026-01-05T00:00:00Z
SALT = b"a salt of thirty-two bytes, yes!"


class SetClock:
    """A clock that a test sets; a look at it takes a microsecond, so that no two records have one time."""

    def __init__(self, now_us=MONDAY_US):
        self.at = now_us

    def now_us(self):
        self.at += 1
        return self.at

    def monotonic_s(self):
        return self.at / US_PER_S


def id_at(now_us, rng):
    """A UUIDv7 of whole seconds and a generator's chance: draws depend on it, and a look at the clock more changes none."""
    number = f"{now_us // US_PER_S * 1000 << 80 | 7 << 76 | rng.getrandbits(12) << 64 | 1 << 63 | rng.getrandbits(62):032x}"
    return f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"


def give_salt(deployment, salt=SALT):
    """To a deployment that has none yet: before its first decision or import."""
    with deployment.records.write() as connection:
        connection.execute(sa.insert(salts).values(salt_id=salt_id(salt), salt=salt, created_at=deployment.clock.now_us()))
