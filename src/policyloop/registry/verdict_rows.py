"""Verdict rows: every verdict that changed something or was worth keeping, append only. Functions over one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from policyloop.gate.verdict import Call, Verdict, from_json, to_json
from policyloop.storage.records import verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictRow:
    """A verdict and when it was recorded."""

    id: int  # rises with time
    loop: str
    verdict: Verdict
    at: int  # microseconds since 1970 UTC


def add(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Append a verdict."""
    connection.execute(
        sa.insert(verdicts).values(
            loop=loop,
            model=verdict.model,
            champion=verdict.champion,
            anchor=verdict.anchor,
            kind=verdict.kind,
            verdict=verdict.call.value,
            body=to_json(verdict).decode(),
            at=now_us,
        )
    )


def rows(connection: sa.Connection, loop: str, *, limit: int, model: str | None = None) -> list[VerdictRow]:
    """The newest verdicts first, of one model or of all."""
    query = sa.select(verdicts).where(verdicts.c.loop == loop).order_by(verdicts.c.id.desc()).limit(limit)
    if model is not None:
        query = query.where(verdicts.c.model == model)
    return [_row(found) for found in connection.execute(query)]


def promotion_of(connection: sa.Connection, loop: str, model: str, *, before_id: int | None) -> tuple[int, str | None] | None:
    """The newest promotion of a model, before another row: its id and the champion that it replaced; None without one."""
    query = sa.select(verdicts.c.id, verdicts.c.champion).where(
        verdicts.c.loop == loop, verdicts.c.model == model, verdicts.c.verdict == Call.PROMOTE.value
    )
    if before_id is not None:
        query = query.where(verdicts.c.id < before_id)
    found = connection.execute(query.order_by(verdicts.c.id.desc()).limit(1)).first()
    return None if found is None else (int(found[0]), found[1])


def live_since(connection: sa.Connection, loop: str, model: str) -> int | None:
    """When a model last became champion: promoted, or come back to by a rollback; None when it never did."""
    promoted = sa.and_(verdicts.c.verdict == Call.PROMOTE.value, verdicts.c.model == model)
    came_back = sa.and_(verdicts.c.verdict == Call.ROLLBACK.value, verdicts.c.champion == model)
    query = sa.select(sa.func.max(verdicts.c.at)).where(verdicts.c.loop == loop, sa.or_(promoted, came_back))
    return connection.execute(query).scalar()


def last_rollback(connection: sa.Connection, loop: str) -> int | None:
    """When any of the loop's models was last taken back, microseconds; None when none ever was."""
    query = sa.select(sa.func.max(verdicts.c.at)).where(verdicts.c.loop == loop, verdicts.c.verdict == Call.ROLLBACK.value)
    return connection.execute(query).scalar()


def remove_all(connection: sa.Connection, loop: str) -> None:
    """Take the loop's verdicts out."""
    connection.execute(sa.delete(verdicts).where(verdicts.c.loop == loop))


def _row(found: sa.Row[Any]) -> VerdictRow:
    return VerdictRow(id=found.id, loop=found.loop, verdict=from_json(found.body), at=found.at)
