"""A timeline: what went live, what was taken back and how challenges moved, each with the sentence that says why.

Question answered: how did it come to be as it is?
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from policyloop.core.clock import TimeUs
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.registry.challenge_rows import MoveRow
from policyloop.registry.verdict_rows import VerdictRow

_CHANGES = {Call.PROMOTE: "went live", Call.ROLLBACK: "taken back"}


class Happening(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that changed who decides, or may come to."""

    at: TimeUs
    what: str  # `went live`, `taken back`, `began`, or the state that a challenge moved to
    how: str  # refresh, watch, challenge, or a person's promote or rollback
    model: str  # digest; `baseline` while there is none
    why: str


def timeline_of(verdicts: Sequence[VerdictRow], moves: Sequence[MoveRow], *, since: int) -> list[Happening]:
    """What happened since then (microseconds), the newest first. A challenge that went live is told once."""
    changed = [
        Happening(
            at=row.at,
            what=_CHANGES[row.verdict.call],
            how=row.verdict.kind,
            model=row.verdict.model,
            why=row.verdict.sentence,
        )
        for row in verdicts
        if row.verdict.call in _CHANGES and row.at >= since
    ]
    moved = [_of_move(row) for row in moves if row.after != State.LIVE and row.at >= since]
    return sorted([*changed, *moved], key=lambda one: one.at, reverse=True)


def _of_move(row: MoveRow) -> Happening:
    if row.before is None:
        what = "began"
    elif row.before == row.after:
        what = f"waits in {row.after.value}"
    else:
        what = row.after.value
    return Happening(at=row.at, what=what, how="challenge", model=row.verdict.model, why=row.verdict.sentence)
