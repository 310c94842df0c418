"""Challenge rows: which recipes wanted to take over, where each stands, and every move. Functions over one connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from policyloop.gate.ramp import ENDED, State
from policyloop.gate.verdict import Verdict, from_json, to_json
from policyloop.storage.insert import insert_into
from policyloop.storage.records import challenges, evidence, moves

_ENDED = [state.value for state in ENDED]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeRow:
    """One challenge as the records have it. Times are microseconds since 1970 UTC."""

    id: int
    loop: str
    recipe: str  # digest
    body: str  # canonical JSON of the spec that the loop would have
    state: State
    model: str | None  # the newest model of its line
    is_waiting: bool  # for a person to approve
    is_approved: bool
    started_at: int
    changed_at: int  # when it came into its state
    ended_at: int | None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.state not in ENDED


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRow:
    """A change of state, with the verdict that made it."""

    id: int
    challenge: int
    before: State | None  # None: it began
    after: State
    verdict: Verdict
    at: int


def add(connection: sa.Connection, *, loop: str, recipe: str, body: str, now_us: int) -> int:
    """A new challenge, in FROZEN; answers its number."""
    values = {"loop": loop, "recipe": recipe, "body": body, "state": State.FROZEN.value, "model": None}
    flags = {"is_waiting": 0, "is_approved": 0, "started_at": now_us, "changed_at": now_us, "ended_at": None}
    result = connection.execute(sa.insert(challenges).values(**values, **flags))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def row(connection: sa.Connection, challenge: int) -> ChallengeRow:
    """One challenge."""
    return _row(connection.execute(sa.select(challenges).where(challenges.c.id == challenge)).one())


def open_row(connection: sa.Connection, loop: str) -> ChallengeRow | None:
    """The challenge that goes on in a loop; None without one."""
    query = sa.select(challenges).where(challenges.c.loop == loop, challenges.c.state.not_in(_ENDED))
    found = connection.execute(query).first()
    return None if found is None else _row(found)


def rows(connection: sa.Connection, loop: str) -> list[ChallengeRow]:
    """All of a loop's challenges, the newest first."""
    query = sa.select(challenges).where(challenges.c.loop == loop).order_by(challenges.c.id.desc())
    return [_row(found) for found in connection.execute(query)]


def change(connection: sa.Connection, challenge: int, values: Mapping[str, Any]) -> None:
    """Set columns of a challenge."""
    connection.execute(sa.update(challenges).where(challenges.c.id == challenge).values(**values))


def add_move(
    connection: sa.Connection, row: ChallengeRow, *, before: State | None, after: State, verdict: Verdict, now_us: int
) -> None:
    """Append a move."""
    states = {"before": None if before is None else before.value, "after": after.value}
    body = to_json(verdict).decode()
    connection.execute(sa.insert(moves).values(loop=row.loop, challenge=row.id, body=body, at=now_us, **states))


def move_rows(connection: sa.Connection, loop: str, *, limit: int, challenge: int | None = None) -> list[MoveRow]:
    """The newest moves first, of one challenge or of all of a loop."""
    query = sa.select(moves).where(moves.c.loop == loop).order_by(moves.c.id.desc()).limit(limit)
    found = connection.execute(query if challenge is None else query.where(moves.c.challenge == challenge))
    return [_move(one) for one in found]


def evidence_of(connection: sa.Connection, loop: str, name: str) -> str | None:
    """What was carried on under a name, as JSON; None when nothing was."""
    query = sa.select(evidence.c.body).where(evidence.c.loop == loop, evidence.c.name == name)
    return connection.execute(query).scalar()


def put_evidence(connection: sa.Connection, loop: str, name: str, body: str, *, now_us: int) -> None:
    """Carry evidence on."""
    first = insert_into(connection, evidence).values(loop=loop, name=name, body=body, changed_at=now_us)
    again = first.on_conflict_do_update(index_elements=["loop", "name"], set_={"body": body, "changed_at": now_us})
    connection.execute(again)


def drop_evidence(connection: sa.Connection, loop: str, name: str) -> None:
    """Begin again: what was carried on under a name is let go."""
    connection.execute(sa.delete(evidence).where(evidence.c.loop == loop, evidence.c.name == name))


def remove_all(connection: sa.Connection, loop: str) -> None:
    """Take out all that is known of a loop's challenges."""
    for table in (moves, challenges, evidence):
        connection.execute(sa.delete(table).where(table.c.loop == loop))


def _row(found: sa.Row[Any]) -> ChallengeRow:
    values = dict(found._mapping)
    flags = {"is_waiting": bool(values["is_waiting"]), "is_approved": bool(values["is_approved"])}
    return ChallengeRow(**(values | flags | {"state": State(values["state"])}))


def _move(found: sa.Row[Any]) -> MoveRow:
    before = None if found.before is None else State(found.before)
    return MoveRow(
        id=found.id,
        challenge=found.challenge,
        before=before,
        after=State(found.after),
        verdict=from_json(found.body),
        at=found.at,
    )
