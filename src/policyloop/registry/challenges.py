"""Challenges: another recipe wants to take over. Each begins, moves from state to state and ends in one transaction a step.

Question answered: which challenge goes on in this loop, who may move it, and what is written down with every move?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from policyloop.core.clock import Clock
from policyloop.core.errors import ChallengeRefused, PromotionRefused
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.core.spec_file import from_json, to_json
from policyloop.gate.ramp import ASKED, ENDED, SERVED, State, Step
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry import by_hand, challenge_rows, loop_rows, model_rows, notice_rows, promotion
from policyloop.registry.challenge_rows import ChallengeRow, MoveRow
from policyloop.storage.records import Records

_HEARD = {*SERVED, State.LIVE, State.RETIRED, State.ROLLED_BACK}  # what is known of an ended challenge is kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A challenge as serving takes part in it."""

    challenge: int
    state: State  # one of SHADOW, ADVISORY, CANARY, RAMP
    model: str  # the challenger's newest
    spec: LoopSpec  # that the loop would have; its floor is the challenger's

    @property
    def share(self) -> float:
        """The challenger's share of the decisions that are not held out, [0, .5]."""
        gate = self.spec.gate
        return {State.CANARY: gate.canary, State.RAMP: gate.ramp}.get(self.state, 0.0)

    @property
    def sticky(self) -> bool:
        """Whether a subject stays on one side for the length of a state."""
        return self.spec.gate.sticky


def trial_of(connection: sa.Connection, loop: str) -> Trial | None:
    """What serving takes part in now; None while no challenger is asked."""
    row = challenge_rows.open_row(connection, loop)
    if row is None or row.state not in SERVED or row.model is None:
        return None
    return Trial(challenge=row.id, state=row.state, model=row.model, spec=from_json(row.body))


def how_to_begin(loop: str) -> str:
    """The command, in a sentence without its full stop."""
    return f"`policyloop challenge {loop} --recipe FILE` begins one, in a loop with episodes `--model DIGEST`"


class Challenges:
    """The challenges of a deployment. Safe to share between threads and processes."""

    def __init__(self, records: Records, *, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def begin(self, loop: str, spec: LoopSpec, *, why: str, is_model_there: bool = False) -> ChallengeRow:
        """Let a recipe challenge the present one, or a model whatever decides now.

        Args:
            loop: its name.
            spec: that the loop would have, as `read_recipe` gives it.
            why: in the words of whoever asked.
            is_model_there: whether a published model challenges; then the baseline can be challenged, too.

        Raises:
            UnknownLoop: no loop has that name.
            ChallengeRefused: another one goes on, or no model is live yet.
        """
        with self._records.write() as connection:
            row = loop_rows.row(connection, loop)
            going = challenge_rows.open_row(connection, loop)
            if going is not None:
                raise ChallengeRefused(
                    f"challenge {going.id} of loop '{loop}' goes on, in state {going.state}; one at a time. Wait for it, or "
                    f"end it: `policyloop gate retire {loop}`."
                )
            if row.champion is None and not is_model_there:
                raise ChallengeRefused(
                    f"loop '{loop}' has no model live yet, so there is nothing to challenge; let it train its first, or apply "
                    f"the recipe to the loop: `policyloop apply`."
                )
            number = challenge_rows.add(
                connection, loop=loop, recipe=spec.recipe, body=to_json(spec), now_us=self._clock.now_us()
            )
            made = challenge_rows.row(connection, number)
            verdict = _by_person(made, row.champion, Call.INCONCLUSIVE, f"Begun by a person: {why}")
            self._note(connection, made, before=None, after=State.FROZEN, verdict=verdict)
            return made

    def open(self, loop: str) -> ChallengeRow | None:
        """The one that goes on; None without one."""
        with self._records.read() as connection:
            return challenge_rows.open_row(connection, loop)

    def all(self, loop: str) -> list[ChallengeRow]:
        """All of a loop's, the newest first."""
        with self._records.read() as connection:
            return challenge_rows.rows(connection, loop)

    def moves(self, loop: str, *, challenge: int | None = None, limit: int = 100) -> list[MoveRow]:
        """The newest moves first."""
        with self._records.read() as connection:
            return challenge_rows.move_rows(connection, loop, limit=limit, challenge=challenge)

    def set_model(self, challenge: ChallengeRow, model: str) -> ChallengeRow:
        """The newest model of the challenger's line is asked from now on; the one before it no more.

        Raises:
            ChallengeRefused: it has ended by now.
        """
        with self._records.write() as connection:
            row = challenge_rows.row(connection, challenge.id)  # training took a while: its state may be another by now
            if not row.is_open:
                raise ChallengeRefused(f"challenge {row.id} of loop '{row.loop}' ended meanwhile: {row.state}.")
            if row.model is not None and row.model != model:
                model_rows.set_state(connection, row.loop, row.model, "replaced")
            challenge_rows.change(connection, row.id, {"model": model})
            loop_rows.count_change(connection)
            return challenge_rows.row(connection, row.id)

    def refuse_model(self, loop: str, model: str) -> None:
        """A newer model of the challenger's line that does not work is never asked."""
        with self._records.write() as connection:
            model_rows.set_state(connection, loop, model, "refused")

    def take(self, challenge: ChallengeRow, step: Step, *, verdict: Verdict, evidence: str | None) -> ChallengeRow:
        """Write down what a look found: the evidence that is carried on, and the move where there is one.

        Evidence is carried from look to look while the challenger is asked; an alarm of the log ends it, and it begins anew.
        To be live means: champion, anchor and spec change in the same transaction.

        Args:
            challenge: as it was read before the look.
            step: what follows.
            verdict: of the look.
            evidence: what the next look begins from, as JSON; None: from nothing.

        Raises:
            ChallengeRefused: it was moved by somebody else meanwhile.
            PromotionRefused: as things stand now its model may not go live.
        """
        with self._records.write() as connection:
            row = self._still_open(connection, challenge)
            now_us, name = self._clock.now_us(), evidence_name(row.id)
            if evidence is None or not {row.state, step.state} <= _HEARD:
                challenge_rows.drop_evidence(connection, row.loop, name)
            else:
                challenge_rows.put_evidence(connection, row.loop, name, evidence, now_us=now_us)
            if step.is_waiting != row.is_waiting:
                challenge_rows.change(connection, row.id, {"is_waiting": int(step.is_waiting)})
                if step.is_waiting:
                    self._note(connection, row, before=row.state, after=row.state, verdict=verdict)
            if step.state != row.state:
                self._move(connection, row, step.state, verdict)
            if step.is_alarm and not loop_rows.row(connection, row.loop).is_frozen:
                loop_rows.change(connection, row.loop, {"is_frozen": 1}, now_us=now_us)
                promotion.note_freeze(connection, row.loop, is_frozen=True, why=verdict.sentence, now_us=now_us)
            return challenge_rows.row(connection, row.id)

    def approve(self, loop: str, *, why: str) -> ChallengeRow:
        """A person agrees to the proven challenger, or to one of episodes that is to play its first.

        Raises:
            ChallengeRefused: none waits for it.
            PromotionRefused: promotions of the loop are frozen.
        """
        with self._records.write() as connection:
            row = self._open_one(connection, loop)
            if not row.is_waiting:
                raise ChallengeRefused(
                    f"challenge {row.id} of loop '{loop}' is in state {row.state} and waits for nobody's approval; "
                    f"`policyloop gate status {loop}` tells what it waits for."
                )
            now = loop_rows.row(connection, loop)
            if now.is_frozen:
                raise PromotionRefused(f"promotions of loop '{loop}' are frozen; find out why, then unfreeze them.")
            after = State.CANARY if row.state in ASKED else State.RAMP
            if after == State.RAMP:
                challenge_rows.change(connection, row.id, {"is_approved": 1})
            verdict = _by_person(row, now.champion, Call.PROMOTE, f"Approved by a person: {why}")
            self._move(connection, row, after, verdict)
            return challenge_rows.row(connection, row.id)

    def advise(self, loop: str, *, why: str) -> ChallengeRow:
        """A person wants to see what the challenger would do, and goes on acting.

        Raises:
            ChallengeRefused: none goes on that is asked and nothing more, or the loop has no episodes.
            PromotionRefused: promotions of the loop are frozen.
        """
        with self._records.write() as connection:
            row = self._open_one(connection, loop)
            if from_json(row.body).episodes is None:
                raise ChallengeRefused(
                    f"loop '{loop}' has no episodes; expected one with `episodes:`, whose challengers advise."
                )
            if row.state != State.SHADOW:
                raise ChallengeRefused(
                    f"challenge {row.id} of loop '{loop}' is in state {row.state}; expected SHADOW, in which it is asked and "
                    f"nobody sees its answer. `policyloop gate status {loop}` tells where it stands."
                )
            now = loop_rows.row(connection, loop)
            if now.is_frozen:
                raise PromotionRefused(f"promotions of loop '{loop}' are frozen; find out why, then unfreeze them.")
            verdict = _by_person(row, now.champion, Call.INCONCLUSIVE, f"A person asked for its advice: {why}")
            self._move(connection, row, State.ADVISORY, verdict)
            return challenge_rows.row(connection, row.id)

    def retire(self, loop: str, *, why: str) -> ChallengeRow:
        """A person ends the challenge.

        Raises:
            ChallengeRefused: none goes on.
        """
        with self._records.write() as connection:
            row = self._open_one(connection, loop)
            champion = loop_rows.row(connection, loop).champion
            after = State.ROLLED_BACK if row.state == State.RAMP else State.RETIRED
            self._move(connection, row, after, _by_person(row, champion, Call.RETIRE, f"Ended by a person: {why}"))
            return challenge_rows.row(connection, row.id)

    def carried(self, loop: str, name: str) -> str | None:
        """What the last look left under a name, as JSON; None when it left nothing."""
        with self._records.read() as connection:
            return challenge_rows.evidence_of(connection, loop, name)

    def carry(self, loop: str, name: str, body: str | None) -> None:
        """Leave something for the next look; None: nothing."""
        with self._records.write() as connection:
            if body is None:
                challenge_rows.drop_evidence(connection, loop, name)
            else:
                challenge_rows.put_evidence(connection, loop, name, body, now_us=self._clock.now_us())

    def _still_open(self, connection: sa.Connection, challenge: ChallengeRow) -> ChallengeRow:
        """The row as it is now, if nobody has moved it."""
        row = challenge_rows.row(connection, challenge.id)
        if row.state != challenge.state or row.is_approved != challenge.is_approved:
            raise ChallengeRefused(
                f"challenge {row.id} of loop '{row.loop}' is in state {row.state} by now, not {challenge.state}; look again."
            )
        if row.model != challenge.model:
            raise ChallengeRefused(f"challenge {row.id} of loop '{row.loop}' has a newer model by now; look again.")
        return row

    def _open_one(self, connection: sa.Connection, loop: str) -> ChallengeRow:
        row = challenge_rows.open_row(connection, loop)
        if row is None:
            raise ChallengeRefused(f"no challenge goes on in loop '{loop}'; {how_to_begin(loop)}.")
        return row

    def _move(self, connection: sa.Connection, row: ChallengeRow, after: State, verdict: Verdict) -> None:
        """Change the state, and with LIVE the champion; servers notice within a fraction of a second."""
        now_us = self._clock.now_us()
        values: dict[str, Any] = {"state": after.value, "changed_at": now_us, "is_waiting": 0}
        if after in ENDED:
            values["ended_at"] = now_us
        if after == State.LOG_CHECK:  # what was agreed to rested on evidence that is gone
            values["is_approved"] = 0
        challenge_rows.change(connection, row.id, values)
        if after == State.LIVE:
            version = by_hand.spec_version_of(connection, row, now_us=now_us)
            promotion.take_over(connection, row.loop, verdict, spec_version=version, now_us=now_us)
        elif after in (State.RETIRED, State.ROLLED_BACK) and row.model is not None:
            state: model_rows.State = "retired" if after == State.RETIRED else "rolled-back"
            model_rows.set_state(connection, row.loop, row.model, state)
        if after == State.ROLLED_BACK:
            notice_rows.add_return(connection, row.loop, verdict, now_us=now_us)
        self._note(connection, row, before=row.state, after=after, verdict=verdict)
        loop_rows.count_change(connection)

    def _note(
        self, connection: sa.Connection, row: ChallengeRow, *, before: State | None, after: State, verdict: Verdict
    ) -> None:
        challenge_rows.add_move(connection, row, before=before, after=after, verdict=verdict, now_us=self._clock.now_us())


def evidence_name(challenge: int) -> str:
    """The name under which a challenge's evidence is carried on."""
    return f"challenge:{challenge}"


def _by_person(row: ChallengeRow, champion: str | None, call: Call, sentence: str) -> Verdict:
    reason = Reason(name="person", call=call, sentence=sentence)
    return Verdict(kind="challenge", call=call, model=row.model or BASELINE, champion=champion, anchor=None, reasons=(reason,))
