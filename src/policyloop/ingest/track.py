"""Rows of track: decisions, outcomes and activations of other systems, each taken or refused by itself.

Question answered: what becomes of each row of a body? Nothing is logged here: whoever calls appends the events, waits
until they are durable, and then remembers them as recent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import msgspec
from msgspec import Raw

from policyloop.core.errors import PolicyloopError, UnknownLoop
from policyloop.core.event import ActionSet, Decision, Event, Logged
from policyloop.core.wire import TrackedActivation, TrackedDecision, TrackedOutcome, TrackedRow, TrackResult, problem_of
from policyloop.ingest.checks import Checks
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import Reported, activation, fingerprint, outcome
from policyloop.ingest.payload import read_row
from policyloop.ingest.recent import Recent


class Tracked(msgspec.Struct, frozen=True):
    """What became of one row: the event to append, or None for a duplicate or a refusal."""

    event: Event | None
    action_set: ActionSet | None  # to append before it
    key: bytes | None  # remember it as recent once the event is durable
    result: TrackResult

    def to_append(self) -> Iterator[tuple[Logged, bytes | None]]:
        """What must be appended for this row, in order, each with the key to remember it by."""
        if self.action_set is not None:
            yield self.action_set, None
        if self.event is not None:
            yield self.event, self.key


def track(
    rows: list[Raw], loops: Mapping[str, Checks], *, received_at: int, recent: Recent[bool], now_s: float
) -> list[Tracked]:
    """One result per row, in order; a row that says the same as an earlier one, here or a moment ago, is a duplicate.

    Args:
        loops: the checks of each loop, by name.
        received_at: now, microseconds since 1970 UTC.
        recent: fingerprints of events that are durable; only read here.
        now_s: now, on the monotonic clock that `recent` goes by.
    """
    in_this_body: set[bytes] = set()
    results = []
    for index, row in enumerate(rows):
        one = _track_one(row, loops, received_at=received_at, where=f"$[{index}]")
        if one.key is not None and (one.key in in_this_body or recent.get(one.key, now_s=now_s)):
            one = Tracked(
                None, one.action_set, None, TrackResult(status="duplicate", id=one.result.id, warnings=one.result.warnings)
            )
        elif one.key is not None:
            in_this_body.add(one.key)
        results.append(one)
    return results


def _track_one(row: Raw, loops: Mapping[str, Checks], *, received_at: int, where: str) -> Tracked:
    name: str | None = None
    try:
        request = read_row(row, where=where, check=partial(_check, loops=loops, received_at=received_at, where=where))
        name = _name_of(request)
        event, action_set, warnings = _event_of(request, loops, received_at=received_at, where=where)
    except PolicyloopError as error:
        return Tracked(None, None, None, TrackResult(status="refused", id=name, error=problem_of(error)))
    made = event.decision_id if isinstance(event, Decision) else event.outcome_id
    return Tracked(event, action_set, fingerprint(event), TrackResult(status="accepted", id=name or made, warnings=warnings))


def _check(request: TrackedRow, loops: Mapping[str, Checks], *, received_at: int, where: str) -> None:
    """Hold a row against its loop, and make nothing of it; one of an unknown loop cannot be."""
    checks = loops.get(request.loop)
    if checks is None:
        return
    _, action_set, _ = _event_of(request, loops, received_at=received_at, where=where)
    if action_set is not None:
        checks.candidates.forget_logged()  # this one goes nowhere


def _name_of(request: TrackedRow) -> str | None:
    """The id that the caller knows a row by: the report's own if it has one, else the decision's."""
    return (request.outcome_id or None) if isinstance(request, TrackedOutcome) else request.decision_id


def _event_of(
    request: TrackedRow, loops: Mapping[str, Checks], *, received_at: int, where: str
) -> tuple[Event, ActionSet | None, list[str]]:
    checks = loops.get(request.loop)
    if checks is None:
        raise UnknownLoop(request.loop, loops)
    if isinstance(request, TrackedDecision):
        return *imported_decision(request, checks, received_at=received_at, where=where), []
    if isinstance(request, TrackedActivation):
        return activation(request, checks, received_at=received_at, where=where), None, []
    reported: Reported = outcome(request, checks, received_at=received_at, where=where)
    return reported.event, None, reported.warnings
