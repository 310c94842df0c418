"""By hand: a person makes a model champion, and a challenge of that model has its end with it.

Question answered: what becomes of a challenge whose model a person puts live before it is proven? It is LIVE on the person's
word, in the same transaction: a model that decides has nobody left to challenge. Functions over one connection.
"""

from __future__ import annotations

import sqlalchemy as sa

from policyloop.core.spec_file import from_json
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Verdict
from policyloop.registry import challenge_rows, loop_rows, promotion
from policyloop.registry.challenge_rows import ChallengeRow
from policyloop.registry.recipes import with_recipe


def promote(connection: sa.Connection, loop: str, verdict: Verdict, *, now_us: int) -> None:
    """Make the verdict's model champion; errors as in `promotion.promote`.

    The loop's own recipe keeps its anchor, for nothing was proven; another recipe comes with its spec and is its own anchor.
    """
    going = challenge_rows.open_row(connection, loop)
    if going is None or going.model != verdict.model:
        promotion.promote(connection, loop, verdict, now_us=now_us)
        return
    version = spec_version_of(connection, going, now_us=now_us)
    if version == loop_rows.row(connection, loop).spec_version:
        promotion.promote(connection, loop, verdict, now_us=now_us)
    else:
        promotion.take_over(connection, loop, verdict, spec_version=version, now_us=now_us)
    ended = {"state": State.LIVE.value, "changed_at": now_us, "ended_at": now_us, "is_waiting": 0}
    challenge_rows.change(connection, going.id, ended)
    challenge_rows.add_move(connection, going, before=going.state, after=State.LIVE, verdict=verdict, now_us=now_us)
    loop_rows.count_change(connection)


def spec_version_of(connection: sa.Connection, row: ChallengeRow, *, now_us: int) -> int:
    """The spec of today with a challenge's recipe in it, as a new version where it is another one."""
    versions = loop_rows.spec_rows(connection, row.loop)
    held = loop_rows.row(connection, row.loop).spec_version
    now = from_json(next(spec.body for spec in versions if spec.version == held))
    spec = with_recipe(now, from_json(row.body))
    if spec.digest == now.digest:  # a model of the loop's own recipe
        return held
    loop_rows.add_spec(connection, loop_rows.spec_row(spec, version=versions[-1].version + 1, now_us=now_us))
    return versions[-1].version + 1
