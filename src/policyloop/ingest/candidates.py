"""The candidates' check: are the actions that a caller brings along what the loop's spec declares?

Question answered: which set was offered, and does the log have it already? The fast path is one conversion in C for the
whole set; only when it fails is each candidate looked at by itself, so that all faults come back at once. A set that was
offered before in the same words is recognised by its bytes, and costs no check.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from policyloop.core.candidates import Candidates, candidates_of
from policyloop.core.errors import Fault
from policyloop.core.event import ActionSet
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_actions import FEATURES, has_any_features
from policyloop.core.wire import MAX_ID_CHARS, CandidateAction
from policyloop.ingest.context import ContextCheck
from policyloop.ingest.identity import check_id
from policyloop.ingest.quoting import shown_text

MAX_SET_BYTES = 2**20  # as JSON; an event's payload holds at most four times that
_MAX_FAULTS = 20  # listed; the rest is counted
_MAX_KEPT_BYTES = 2**24  # of requests whose sets are remembered
_MAX_NAMED = 1000  # registered sets that are kept
_MAX_LOGGED = 100_000  # sets that are known to be in the log

FindSet = Callable[[str, str], Sequence[CandidateAction] | None]  # loop and digest -> a set that was registered ahead


class CandidatesCheck:
    """What one spec says of candidates, compiled. What it remembers changes nothing but the time; threads may share it."""

    def __init__(self, spec: LoopSpec) -> None:
        self._loop = spec.loop
        self._max = spec.actions.max
        self._is_any = spec.is_candidates and has_any_features(spec.actions)
        self._features = ContextCheck(spec.actions.features, noun="feature")
        self._pack = msgspec.msgpack.Encoder().encode  # a fifth of the price of JSON where there are many numbers
        self._known: dict[bytes, Candidates] = {}
        self._known_bytes = 0
        self._named: dict[str, Candidates] = {}
        self._logged: dict[str, int] = {}  # digest -> number of its record in the log, 0 where that is not known
        self.logging = threading.Lock()  # held by a thread from asking `to_log` until what it gave is in the log

    def check(self, actions: Sequence[CandidateAction], faults: list[Fault], *, where: str) -> Candidates | None:
        """The set, with defaults filled in; None, and faults appended, when it does not fit.

        Args:
            where: the place of the list in its request, for messages.
        """
        try:
            said = self._pack(actions)
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
            return self._checked(actions, faults, where)
        known = self._known.get(said)
        if known is not None:
            return known
        found = self._checked(actions, faults, where)
        if found is not None:
            self._remember(said, found)
        return found

    def named(self, name: str, find_set: FindSet | None, faults: list[Fault], *, where: str) -> Candidates | None:
        """The set that was registered under a name; None, and a fault appended, when there is none or it does not fit.

        Args:
            find_set: asked for a name that this check has not met.
        """
        known = self._named.get(name)
        if known is not None:
            return known
        registered = None if find_set is None else find_set(self._loop, name)
        if registered is None:
            message = f"is {shown_text(name)}, a set that is not registered; expected a name that registering answered."
            faults.append(Fault(where, message, "unknown_action_set"))
            return None
        found = self.check(registered, faults, where=where)
        if found is not None:
            if len(self._named) >= _MAX_NAMED:
                self._named.clear()
            self._named[name] = found
        return found

    def to_log(self, candidates: Candidates, *, now_us: int) -> ActionSet | None:
        """The record that must stand in the log before a decision that refers to the set; None when none must."""
        if candidates.is_small or candidates.digest in self._logged:
            return None
        if len(self._logged) >= _MAX_LOGGED:
            self._logged.clear()
        self._logged[candidates.digest] = 0
        return ActionSet(loop=self._loop, digest=candidates.digest, received_at=now_us, actions=candidates.json)

    def note_logged(self, candidates: Candidates, seq: int) -> None:
        """Say which record of the log the set is, so that whoever refers to it can wait for it."""
        self._logged[candidates.digest] = seq

    def logged_as(self, candidates: Candidates) -> int | None:
        """The number of the set's record in the log; None where that is not known."""
        return self._logged.get(candidates.digest) or None

    def forget_logged(self) -> None:
        """Some record did not become durable: log every set anew."""
        self._logged.clear()

    def _remember(self, said: bytes, found: Candidates) -> None:
        if self._known_bytes + len(said) > _MAX_KEPT_BYTES:
            self._known, self._known_bytes = {}, 0
        self._known_bytes += len(said)
        self._known[said] = found

    def _checked(self, actions: Sequence[CandidateAction], faults: list[Fault], where: str) -> Candidates | None:
        if not 1 <= len(actions) <= self._max:
            faults.append(Fault(where, f"has {len(actions):,} candidates; expected 1 to {self._max:,}."))
            return None
        found: list[Fault] = []
        if not _are_fine([action.id for action in actions]):
            self._check_ids(actions, found, where)
        features = self._features.fit_many([self._payload_of(action) for action in actions])
        if features is None:
            features = self._features_one_by_one(actions, found, where)
        made = None if found else self._made(actions, features, found, where)
        if made is not None:
            return made
        faults.extend(found[:_MAX_FAULTS])
        if len(found) > _MAX_FAULTS:
            faults.append(Fault(where, f"have {len(found) - _MAX_FAULTS:,} more faults."))
        return None

    def _made(
        self, actions: Sequence[CandidateAction], features: list[dict[str, Any]], found: list[Fault], where: str
    ) -> Candidates | None:
        """The set; None, and a fault appended, when a text in it is no Unicode or it is too large."""
        try:
            made = candidates_of([action.id for action in actions], features)
        except UnicodeEncodeError:
            self._features_one_by_one(actions, found, where)
            return None
        if len(made.json) > MAX_SET_BYTES:
            found.append(Fault(where, f"take {len(made.json):,} bytes as JSON; expected at most {MAX_SET_BYTES:,}."))
            return None
        return made

    def _check_ids(self, actions: Sequence[CandidateAction], found: list[Fault], where: str) -> None:
        first: dict[str, int] = {}
        for place, action in enumerate(actions):
            check_id(action.id, f"{where}[{place}].id", found)
            before = first.setdefault(action.id, place) if isinstance(action.id, str) else place
            if before != place:
                message = f"is {shown_text(action.id)}, as that of candidate {before}; expected each id once."
                found.append(Fault(f"{where}[{place}].id", message, "duplicate_id"))

    def _features_one_by_one(self, actions: Sequence[CandidateAction], found: list[Fault], where: str) -> list[dict[str, Any]]:
        """The features of all, and a fault for each that does not fit."""
        features = []
        for place, action in enumerate(actions):
            inner = f"{where}[{place}]" if self._is_any else f"{where}[{place}].features"
            checked = self._features.check(self._payload_of(action), found, where=inner)
            if checked is not None:
                features.append(checked.values)
            if len(found) > _MAX_FAULTS:
                break
        return features

    def _payload_of(self, action: CandidateAction) -> Any:
        features = action.features
        if self._is_any:
            return {} if features is None else {FEATURES: features}
        return {} if features is None else features


def _are_fine(ids: list[Any]) -> bool:
    """Whether nothing is wrong with the ids; False may also mean that it takes a closer look."""
    try:
        return len(set(ids)) == len(ids) and "" not in ids and max(map(len, ids)) <= MAX_ID_CHARS and "".join(ids).isprintable()
    except TypeError:
        return False
