"""The registry: which spec and which model hold in each loop, which held before, and the verdicts that made it so.

Question answered: who is champion now, and why? Specs and models are immutable and named by their content; champion,
previous and anchor are names that point at models. Every change of them is one transaction that also raises the
version which serving processes poll.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from policyloop.core.clock import Clock
from policyloop.core.errors import Fault, Invalid, UnknownLoop, UnknownModel
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.spec_file import from_json
from policyloop.gate.verdict import Call, Verdict, by_person, held_back
from policyloop.registry import (
    action_set_rows,
    by_hand,
    challenge_rows,
    loop_rows,
    model_files,
    model_rows,
    notice_rows,
    offline_choice,
    origin,
    promotion,
    verdict_rows,
)
from policyloop.registry.challenges import Challenges, Trial, trial_of
from policyloop.registry.changes import Change, changes_between, check_changes
from policyloop.registry.loop_rows import LoopRow, SpecRow
from policyloop.registry.model_files import StoredModel
from policyloop.registry.model_rows import ModelRow, State
from policyloop.registry.salts import current_salt
from policyloop.registry.verdict_rows import VerdictRow
from policyloop.storage.objects import Objects
from policyloop.storage.records import Records

POINTERS = ("champion", "previous", "anchor")
_FEWEST_CHARACTERS = 4  # of a digest that is shortened
_STATE_AFTER: dict[Call, State] = {Call.RETIRE: "retired", Call.REFUSE: "refused"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What holds now in one loop."""

    spec: LoopSpec
    row: LoopRow
    trial: Trial | None = None  # the challenge that serving takes part in

    @property
    def champion(self) -> str | None:
        """Digest of the model that serves; None: the baseline."""
        return self.row.champion

    @property
    def is_paused(self) -> bool:
        """Whether the baseline decides, whoever is champion."""
        return self.row.is_paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying a spec did."""

    version: int  # of the spec that holds now
    changes: tuple[Change, ...]  # none: it was new, or it held already
    is_new_loop: bool
    is_changed: bool


class Registry:
    """Loops, specs, models and verdicts of a deployment. Safe to share between threads and processes.

    Args:
        records: where the rows are.
        objects: the data folder or bucket that has `models/`.
        clock: dates every change.
    """

    def __init__(self, records: Records, objects: Objects, *, clock: Clock) -> None:
        self._records = records
        self._objects = objects
        self._clock = clock
        self._spec_of_body: dict[str, LoopSpec] = {}
        self.challenges = Challenges(records, clock=clock)

    @property
    def salt(self) -> bytes:
        """The deployment's key for the draw."""
        return current_salt(self._records, self._clock)

    def version(self) -> int:
        """A number that changes whenever any loop does; one cheap read, for those who poll."""
        with self._records.read() as connection:
            return loop_rows.n_changes(connection)

    def standings(self) -> dict[str, Standing]:
        """What holds now, by loop."""
        with self._records.read() as connection:
            return {row.loop: self._standing(connection, row) for row in loop_rows.rows(connection)}

    def standing(self, loop: str) -> Standing:
        """What holds now in a loop, named by its name or an alias.

        Raises:
            UnknownLoop: there is none; the nearest name is suggested.
        """
        standings = self.standings()
        for name, standing in standings.items():
            if loop == name or loop in standing.spec.aliases:
                return standing
        raise UnknownLoop(loop, standings)

    def spec_history(self, loop: str) -> list[SpecRow]:
        """All versions of a loop's spec, oldest first."""
        with self._records.read() as connection:
            return loop_rows.spec_rows(connection, loop)

    def spec_named(self, loop: str, digest: str) -> LoopSpec | None:
        """The spec that an event or a model names; None when the loop never had it."""
        found = [spec for spec in self.spec_history(loop) if spec.digest == digest]
        return self._spec(found[0].body) if found else None

    def apply(self, spec: LoopSpec) -> Applied:
        """Make a spec the one that holds in its loop; a spec that holds already changes nothing.

        Raises:
            SpecRefused: a model is live and the change is not compatible; nothing was changed.
            Invalid: an alias is taken.
        """
        with self._records.write() as connection:
            rows = {row.loop: row for row in loop_rows.rows(connection)}
            self._check_names(connection, spec, rows)
            row = rows.get(spec.loop)
            if row is None:
                self._add_spec(connection, spec, version=1)
                loop_rows.add(connection, spec.loop, now_us=self._clock.now_us())
                return Applied(version=1, changes=(), is_new_loop=True, is_changed=True)
            changes = changes_between(self._standing(connection, row).spec, spec)
            if not changes:
                return Applied(version=row.spec_version, changes=(), is_new_loop=False, is_changed=False)
            if row.champion is not None:
                check_changes(changes, loop=spec.loop, champion=row.champion)
            version = row.spec_version + 1
            self._add_spec(connection, spec, version=version)
            loop_rows.change(connection, spec.loop, {"spec_version": version}, now_us=self._clock.now_us())
            return Applied(version=version, changes=tuple(changes), is_new_loop=False, is_changed=True)

    def plan(self, spec: LoopSpec) -> list[Change]:
        """What `apply` would change; empty for a loop that is new or a spec that holds already."""
        with self._records.read() as connection:
            rows = {row.loop: row for row in loop_rows.rows(connection)}
            row = rows.get(spec.loop)
            return [] if row is None else changes_between(self._standing(connection, row).spec, spec)

    def publish(self, manifest: Manifest, tensors: bytes) -> str:
        """Keep a model as a challenger and answer its digest; publishing it again changes nothing.

        Raises:
            BadModel: the tensors are not those of the manifest, its spec is not one of the loop's, or its parent was
                never champion or was taken back: a rejected model never parents the next.
            UnknownLoop: the manifest names no loop of ours.
        """
        model = model_files.write(self._objects, manifest, tensors)
        with self._records.write() as connection:
            row = loop_rows.row(connection, manifest.loop)
            origin.check(connection, row, manifest)
            model_rows.add(
                connection,
                ModelRow(
                    loop=manifest.loop,
                    model=model,
                    parent=manifest.parent,
                    spec=manifest.spec,
                    recipe=manifest.recipe,
                    n_examples=manifest.n_examples,
                    created_at=self._clock.now_us(),
                    state="challenger",
                ),
            )
        return model

    def choose_offline(self, loop: str, model: str, why: Sequence[str]) -> None:
        """A challenger was chosen by its history alone: a state that says so, and no verdict; errors as in `load`."""
        with self._records.write() as connection:
            offline_choice.put(connection, loop, model, why, now_us=self._clock.now_us())

    def offline_choice(self, loop: str, model: str) -> tuple[str, ...]:
        """Why a model was chosen offline, in sentences; none of one that was not."""
        with self._records.read() as connection:
            return offline_choice.of(connection, loop, model)

    def load(self, loop: str, model: str) -> StoredModel:
        """A model's manifest and tensors, verified against its digest.

        Raises:
            UnknownModel: the loop has no such model.
            BadModel: its files are not what the digest names.
        """
        with self._records.read() as connection:
            model_rows.row(connection, loop, model)
        return model_files.read(self._objects, model)

    def models(self, loop: str) -> list[ModelRow]:
        """The loop's models, oldest first.

        Raises:
            UnknownLoop: no loop has that name.
        """
        with self._records.read() as connection:
            loop_rows.row(connection, loop)
            return model_rows.rows(connection, loop)

    def find(self, loop: str, name: str) -> ModelRow:
        """A model by its digest, by the start of it (at least 4 characters), or as champion, previous or anchor.

        Raises:
            UnknownLoop: no loop has that name.
            UnknownModel: nothing, or more than one model, goes by that name.
        """
        with self._records.read() as connection:
            row = loop_rows.row(connection, loop)
            wanted = getattr(row, name) if name in POINTERS else name
            if wanted is not None and len(wanted) >= _FEWEST_CHARACTERS:
                found = [m for m in model_rows.rows(connection, loop) if m.model.startswith(wanted)]
                if len(found) == 1:
                    return found[0]
        raise UnknownModel(loop, name)

    def promote(self, loop: str, verdict: Verdict) -> LoopRow:
        """Make the verdict's model champion, the champion previous, and record why: one transaction.

        Raises:
            UnknownLoop: no loop has that name.
            UnknownModel: the loop has no such model.
            PromotionRefused: as things stand now it may not go live; the message says why.
        """
        with self._records.write() as connection:
            promotion.promote(connection, loop, verdict, now_us=self._clock.now_us())
            return loop_rows.row(connection, loop)

    def promote_by_person(self, loop: str, model: str, *, why: str, is_unseen_fine: bool = False) -> LoopRow:
        """Promote any model of the loop, whatever the gate said of it; errors as in `promote`.

        Args:
            is_unseen_fine: one that was chosen offline too, which nobody has seen act.
        """
        with self._records.write() as connection:
            if not is_unseen_fine:
                offline_choice.check_seen(connection, loop, model)
            row = loop_rows.row(connection, loop)
            verdict = by_person(Call.PROMOTE, model=model, champion=row.champion, anchor=row.anchor, why=why)
            by_hand.promote(connection, loop, verdict, now_us=self._clock.now_us())
            return loop_rows.row(connection, loop)

    def roll_back(self, loop: str, verdict: Verdict) -> LoopRow:
        """Make the previous model champion again, or the baseline, and record why: one transaction.

        Raises:
            UnknownLoop: no loop has that name.
            NothingToDo: the baseline decides already.
            PromotionRefused: the verdict is about another champion.
        """
        with self._records.write() as connection:
            promotion.roll_back(connection, loop, verdict, now_us=self._clock.now_us())
            return loop_rows.row(connection, loop)

    def roll_back_by_person(self, loop: str, *, why: str) -> LoopRow:
        """Roll back whatever is champion now; errors as in `roll_back`."""
        with self._records.write() as connection:
            row = loop_rows.row(connection, loop)
            model = row.champion or ""
            verdict = by_person(Call.ROLLBACK, model=model, champion=row.previous, anchor=row.anchor, why=why)
            promotion.roll_back(connection, loop, verdict, now_us=self._clock.now_us())
            return loop_rows.row(connection, loop)

    def reset_by_person(self, loop: str, *, why: str) -> LoopRow:
        """Let go of the champion and of what was before it: the baseline decides until a new model goes live.

        Raises:
            UnknownLoop: no loop has that name.
            NothingToDo: the baseline decides already.
        """
        with self._records.write() as connection:
            row = loop_rows.row(connection, loop)
            verdict = by_person(Call.ROLLBACK, model=row.champion or "", champion=None, anchor=row.anchor, why=why)
            promotion.reset(connection, loop, verdict, now_us=self._clock.now_us())
            return loop_rows.row(connection, loop)

    def record(self, loop: str, verdict: Verdict) -> None:
        """Keep a verdict that moves no champion; a challenger becomes retired or refused by it.

        A PROMOTE that is only kept is written down as INCONCLUSIVE: in the history PROMOTE means that it went live.

        Raises:
            UnknownLoop: no loop has that name.
            UnknownModel: the loop has no such model.
        """
        assert verdict.call != Call.ROLLBACK, "roll_back records these"
        with self._records.write() as connection:
            row = loop_rows.row(connection, loop)
            state = _STATE_AFTER.get(verdict.call)
            if model_rows.row(connection, loop, verdict.model).state in model_rows.MAY_GO_LIVE and state is not None:
                model_rows.set_state(connection, loop, verdict.model, state)
            why = f"Promotions of loop '{loop}' are frozen." if row.is_frozen else "The promotion did not take effect."
            kept = held_back(verdict, why=why) if verdict.call == Call.PROMOTE else verdict
            verdict_rows.add(connection, loop, kept, now_us=self._clock.now_us())

    def verdicts(self, loop: str, *, model: str | None = None, limit: int = 100) -> list[VerdictRow]:
        """The newest verdicts first, of one model or of all."""
        with self._records.read() as connection:
            return verdict_rows.rows(connection, loop, limit=limit, model=model)

    def champion_since(self, loop: str) -> int | None:
        """When the champion went live, microseconds: promoted, or come back to by a rollback; None: the baseline decides."""
        with self._records.read() as connection:
            champion = loop_rows.row(connection, loop).champion
            return None if champion is None else verdict_rows.live_since(connection, loop, champion)

    def pause(self, loop: str) -> LoopRow:
        """Let the baseline decide, whoever is champion, until `resume`."""
        return self._change(loop, "is_paused", True)

    def resume(self, loop: str) -> LoopRow:
        """Let the champion decide again."""
        return self._change(loop, "is_paused", False)

    def freeze(self, loop: str, *, why: str) -> LoopRow:
        """Promote nothing until `unfreeze`; the champion stays, and can be rolled back.

        Args:
            why: the reason, in a sentence; it is told outside.
        """
        return self._change(loop, "is_frozen", True, why=why)

    def unfreeze(self, loop: str, *, why: str = "no reason given") -> LoopRow:
        """Allow promotions again."""
        return self._change(loop, "is_frozen", False, why=why)

    def forget(self, loop: str) -> None:
        """Take out all that the registry holds of a loop, models included. There is no way back.

        Raises:
            UnknownLoop: no loop has that name.
        """
        with self._records.write() as connection:
            loop_rows.row(connection, loop)
            models = [row.model for row in model_rows.rows(connection, loop)]
            model_rows.remove_all(connection, loop)
            verdict_rows.remove_all(connection, loop)
            notice_rows.remove_all(connection, loop)
            action_set_rows.remove_all(connection, loop)
            challenge_rows.remove_all(connection, loop)
            loop_rows.remove(connection, loop)
        for model in models:
            model_files.remove(self._objects, model)

    def _change(self, loop: str, flag: str, value: bool, *, why: str | None = None) -> LoopRow:
        """Set a flag; one that is set already leaves the row as it is. A reason (`why`) is that of a freeze or its end."""
        now_us = self._clock.now_us()
        with self._records.write() as connection:
            if getattr(loop_rows.row(connection, loop), flag) != value:
                loop_rows.change(connection, loop, {flag: int(value)}, now_us=now_us)
                if why is not None:
                    promotion.note_freeze(connection, loop, is_frozen=value, why=why, now_us=now_us)
            return loop_rows.row(connection, loop)

    def _standing(self, connection: sa.Connection, row: LoopRow) -> Standing:
        versions = loop_rows.spec_rows(connection, row.loop)
        body = next(spec.body for spec in versions if spec.version == row.spec_version)
        return Standing(spec=self._spec(body), row=row, trial=trial_of(connection, row.loop))

    def _spec(self, body: str) -> LoopSpec:
        if body not in self._spec_of_body:
            self._spec_of_body[body] = from_json(body)
        return self._spec_of_body[body]

    def _add_spec(self, connection: sa.Connection, spec: LoopSpec, *, version: int) -> None:
        loop_rows.add_spec(connection, loop_rows.spec_row(spec, version=version, now_us=self._clock.now_us()))

    def _check_names(self, connection: sa.Connection, spec: LoopSpec, rows: dict[str, LoopRow]) -> None:
        """Names and aliases lead to one loop each."""
        taken = {name: name for name in rows if name != spec.loop}
        for row in rows.values():
            if row.loop != spec.loop:
                taken |= dict.fromkeys(self._standing(connection, row).spec.aliases, row.loop)
        faults = [
            Fault(where, f"'{name}' already leads to loop '{taken[name]}'; choose another name.", "name_taken")
            for where, name in [("$.loop", spec.loop), *(("$.aliases", alias) for alias in spec.aliases)]
            if name in taken
        ]
        if faults:
            raise Invalid(faults, subject=f"the spec of loop '{spec.loop}'")
