"""Notice rows: what is to be told outside, written in the transaction that makes it true. Functions over one connection.

Question answered: what has happened that a receiver does not know of yet? A notice is kept with the change that it tells
of or not at all, so none is lost and none tells what did not happen. Who sends them is another matter: `run/notices/`.
Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from policyloop.core.clock import TimeUs
from policyloop.core.rng import uuid7
from policyloop.gate.verdict import Call, Verdict
from policyloop.storage.insert import insert_into
from policyloop.storage.records import notices, progress

Kind = Literal["promote", "rollback", "freeze", "alarm", "job-failure", "test"]
_CAUSES = "causes "  # and a loop's name: where `progress` keeps what is wrong with it
_KIND_OF: dict[Call, Kind] = {Call.PROMOTE: "promote", Call.ROLLBACK: "rollback"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """One thing to tell."""

    id: int  # rises with time
    notice: str  # the id by which receivers know it again, however often it comes
    loop: str
    kind: str  # promote, rollback, freeze, alarm or job-failure
    body: str  # JSON: the facts
    at: TimeUs  # when it happened
    state: str  # waiting, sent or failed
    attempts: int
    next_at: TimeUs  # no attempt earlier
    message: str | None  # how the last attempt ended
    ended_at: TimeUs | None


class NoticeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many notices are in which state."""

    waiting: int
    sent: int
    failed: int


def add(connection: sa.Connection, loop: str, kind: Kind, facts: Mapping[str, Any], *, now_us: int) -> None:
    """Append a notice, to be sent at once."""
    connection.execute(
        sa.insert(notices).values(
            notice=uuid7(now_us),
            loop=loop,
            kind=kind,
            body=msgspec.json.encode(facts).decode(),
            at=now_us,
            state="waiting",
            attempts=0,
            next_at=now_us,
        )
    )


def add_change(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Append the notice of a verdict that changed who decides: a PROMOTE or a ROLLBACK."""
    facts = {
        "sentence": verdict.sentence,
        "model": verdict.model,
        "champion_before": verdict.champion if verdict.call == Call.PROMOTE else verdict.model,
        "champion": verdict.model if verdict.call == Call.PROMOTE else verdict.champion,
        "kind": verdict.kind,
        "n_evidence": verdict.n_evidence,
    }
    add(connection, loop, _KIND_OF[verdict.call], facts, now_us=now_us)


def add_return(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Append the notice of a challenger that decided a large share and does so no more; the champion was the champion."""
    facts = {
        "sentence": verdict.sentence,
        "model": verdict.model,
        "champion_before": verdict.champion,
        "champion": verdict.champion,
        "kind": verdict.kind,
        "n_evidence": verdict.n_evidence,
    }
    add(connection, loop, "rollback", facts, now_us=now_us)


def due(connection: sa.Connection, *, now_us: int, limit: int) -> list[NoticeRow]:
    """The notices that wait and whose time has come, the longest waiting first."""
    is_due = (notices.c.state == "waiting", notices.c.next_at <= now_us)
    found = connection.execute(sa.select(notices).where(*is_due).order_by(notices.c.next_at, notices.c.id).limit(limit))
    return [NoticeRow(**row._mapping) for row in found]


def newest(connection: sa.Connection, *, limit: int, loop: str | None = None, state: str | None = None) -> list[NoticeRow]:
    """The newest notices first, of one loop or of all, in one state or in any."""
    query = sa.select(notices).order_by(notices.c.id.desc()).limit(limit)
    query = query if loop is None else query.where(notices.c.loop == loop)
    query = query if state is None else query.where(notices.c.state == state)
    return [NoticeRow(**row._mapping) for row in connection.execute(query)]


def counts(connection: sa.Connection) -> NoticeCounts:
    """How many there are, of all loops."""
    query = sa.select(notices.c.state, sa.func.count()).group_by(notices.c.state)
    found = {row[0]: int(row[1]) for row in connection.execute(query)}
    return NoticeCounts(waiting=found.get("waiting", 0), sent=found.get("sent", 0), failed=found.get("failed", 0))


def end(connection: sa.Connection, row: NoticeRow, *, state: Literal["sent", "failed"], message: str, now_us: int) -> None:
    """Write down that a notice was sent, or is given up."""
    _set(connection, row, {"state": state, "attempts": row.attempts + 1, "message": message, "ended_at": now_us})


def put_off(connection: sa.Connection, row: NoticeRow, *, message: str, next_at: int) -> None:
    """Write down that an attempt failed, and when the next one is due."""
    _set(connection, row, {"attempts": row.attempts + 1, "message": message, "next_at": next_at})


def try_again(connection: sa.Connection, *, now_us: int) -> int:
    """Let all that were given up wait again, as if new; answers how many."""
    again = {"state": "waiting", "attempts": 0, "next_at": now_us, "ended_at": None}
    return connection.execute(sa.update(notices).where(notices.c.state == "failed").values(again)).rowcount


def drop_waiting(connection: sa.Connection) -> int:
    """Take out what waits, since nobody wants to be told; answers how many."""
    return connection.execute(sa.delete(notices).where(notices.c.state == "waiting")).rowcount


def drop_ended(connection: sa.Connection, *, before: int) -> int:
    """Take out what ended before a moment; answers how many."""
    return connection.execute(sa.delete(notices).where(notices.c.ended_at < before)).rowcount


def known_causes(connection: sa.Connection, loop: str) -> dict[str, int]:
    """What was found wrong with a loop lately: name of the cause -> when it was last seen."""
    found = connection.execute(sa.select(progress.c.text).where(progress.c.name == _CAUSES + loop)).scalar()
    return msgspec.json.decode(found, type=dict[str, int]) if found else {}


def keep_causes(connection: sa.Connection, loop: str, causes: Mapping[str, int]) -> None:
    """Remember what is wrong with a loop."""
    text = msgspec.json.encode(causes).decode()
    first = insert_into(connection, progress).values(name=_CAUSES + loop, text=text)
    connection.execute(first.on_conflict_do_update(index_elements=["name"], set_={"text": text}))


def remove_all(connection: sa.Connection, loop: str) -> None:
    """Take the loop's notices out, and what was wrong with it."""
    connection.execute(sa.delete(notices).where(notices.c.loop == loop))
    connection.execute(sa.delete(progress).where(progress.c.name == _CAUSES + loop))


def _set(connection: sa.Connection, row: NoticeRow, values: Mapping[str, Any]) -> None:
    connection.execute(sa.update(notices).where(notices.c.id == row.id).values(values))
