"""A lease: only one process at a time does the work that must not be done twice.

The holder renews it well before it ends. When the holder dies, another takes over: at once where it can be told that the
process is gone, which is on the same machine, and elsewhere after the lease has run out.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import sqlalchemy as sa

from policyloop.core.clock import US_PER_S, Clock
from policyloop.core.rng import uuid7
from policyloop.storage.records import Records, leases

LEASE_S = 15.0
WORK = "work"  # of whoever writes the tables
Role = Literal["worker", "hand"]  # `hand`: a command of a person, which ends
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A process that can be found again: what holds a lease under its name."""

    machine: str  # the running system and its table of processes; empty where that cannot be told
    pid: int
    started: str  # tells it from a later one of the same number

    @classmethod
    def here(cls) -> Process:
        """This one."""
        return cls(_machine(), os.getpid(), _started(os.getpid()) or "")

    @property
    def is_gone(self) -> bool:
        """Whether it surely is no more; False of one on another machine, too."""
        return bool(self.machine and self.started) and self.machine == _machine() and _started(self.pid) != self.started


def holder_here(role: Role, clock: Clock) -> str:
    """A name for whoever in this process wants a lease, no two alike."""
    own = Process.here()
    return f"{role}:{own.machine}:{own.pid}:{own.started}:{uuid7(clock.now_us())[-12:]}"


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
            if row.holder != self._holder and row.expires_at > now_us and not _is_gone(row.holder):
                return False
            connection.execute(sa.update(leases).where(leases.c.name == self._name).values(**mine))
            return True

    def give_back(self) -> None:
        """Let the next one have it at once."""
        with self._records.write() as connection:
            connection.execute(sa.delete(leases).where(leases.c.name == self._name, leases.c.holder == self._holder))


def is_worked(records: Records, name: str, *, now_us: int) -> bool:
    """Whether a worker holds the lease; False where nobody does, or a command of a person."""
    with records.read() as connection:
        row = connection.execute(sa.select(leases).where(leases.c.name == name)).first()
    return row is not None and row.expires_at > now_us and not row.holder.startswith("hand:")


def _is_gone(holder: str) -> bool:
    """Whether the process of a holder is no more; one that does not say its process may be there."""
    parts = holder.split(":")
    if len(parts) != 5 or not parts[2].isdigit():
        return False
    return Process(machine=parts[1], pid=int(parts[2]), started=parts[3]).is_gone


def _machine() -> str:
    """The running system, and in it the table of processes that our numbers are of: containers have their own."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii")
        table = (_PROC / "self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.blake2b(f"{boot}{table}".encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str | None:
    """When a process began, in ticks; None when there is none, or only what is left of one that ended."""
    try:
        told = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = told.rpartition(")")[2].split()  # after the name, which may hold anything
    return None if state in ("Z", "X") else rest[18]
