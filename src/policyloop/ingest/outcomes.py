"""An outcome report becomes an event: named numbers that belong to one decision.

Question answered: what was seen, is it within the bounds the loop declares, and which names does the loop not know?
An undeclared name is stored and warned about, since the code that sends it may be newer than the spec; a value outside
its declared bounds is refused, since no later change makes it true.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import ACTIVATED, ENDED, EXECUTED, Decision, Event, Outcome, encode
from policyloop.core.loop import OutcomeSpec
from policyloop.core.rng import uuid7
from policyloop.core.wire import ActivateRequest, OutcomeRequest
from policyloop.ingest.checks import Checks
from policyloop.ingest.decisions import action_of
from policyloop.ingest.identity import check_id, clamp_time, parse_time
from policyloop.ingest.in_episodes import check_end
from policyloop.ingest.parts import parts_of
from policyloop.ingest.quoting import place, shown, unknown_name

MAX_NAMES = 256  # in one report
MAX_NAME_CHARS = 128


class Reported(msgspec.Struct, frozen=True):
    """An event, and what the sender should know although it was taken."""

    event: Outcome
    warnings: list[str]


def outcome(request: OutcomeRequest, checks: Checks, *, received_at: int, where: str = "$") -> Reported:
    """The event of an outcome report.

    Args:
        received_at: now, microseconds since 1970 UTC.
        where: the place of the request in its body, for messages.

    Raises:
        Invalid: the report does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    warnings: list[str] = []
    values = _values_of(request.outcomes, checks.spec.outcomes, faults, warnings, f"{where}.outcomes")
    executed = None if request.executed is None else _executed(request.executed, checks, f"{where}.executed", faults)
    next_context = _next_context(request, checks, faults, where)
    check_end(request, checks.spec, faults, warnings, where)
    values |= _reserved(request)
    if not values and not request.outcomes:
        message = "is empty; expected at least one name with a number or boolean."
        faults.append(Fault(f"{where}.outcomes", message))
    times = _check_frame(request, faults, where)
    if request.outcome_id is not None:
        check_id(request.outcome_id, f"{where}.outcome_id", faults)
    if faults:
        raise Invalid(faults, subject="the report")
    occurred_at, is_clamped = clamp_time(times[0], received_at=received_at)
    event = Outcome(
        loop=checks.spec.loop,
        decision_id=request.decision_id,
        outcome_id=request.outcome_id or uuid7(received_at),
        received_at=received_at,
        values=values,
        occurred_at=occurred_at,
        decided_at=times[1],
        final=request.final,
        terminated=request.terminated,
        truncated=request.truncated,
        next_context=next_context,
        executed=executed,
        is_clamped=is_clamped,
    )
    return Reported(event, warnings)


def activation(request: ActivateRequest, checks: Checks, *, received_at: int, where: str = "$") -> Outcome:
    """The event that says that a deferred decision took effect; its id is the same each time, so that repeats count once.

    Raises:
        Invalid: an id or a time is malformed.
    """
    faults: list[Fault] = []
    said_at, decided_at = _check_frame(request, faults, where)
    if faults:
        raise Invalid(faults, subject="the request")
    occurred_at, is_clamped = clamp_time(said_at, received_at=received_at)
    return Outcome(
        loop=checks.spec.loop,
        decision_id=request.decision_id,
        outcome_id=ACTIVATED,
        received_at=received_at,
        values={ACTIVATED: None},
        occurred_at=occurred_at,
        decided_at=decided_at,
        is_clamped=is_clamped,
    )


def fingerprint(event: Event) -> bytes:
    """16 bytes that are equal for two events which say the same, whenever and wherever they arrived."""
    if isinstance(event, Decision):
        same = msgspec.structs.replace(event, decided_at=0, is_clamped=False)
        return hashlib.blake2b(b"d" + encode(same), digest_size=16).digest()
    same_report = msgspec.structs.replace(event, received_at=0, decided_at=None, is_clamped=False)
    return hashlib.blake2b(b"o" + encode(same_report), digest_size=16).digest()


def _executed(value: Any, checks: Checks, where: str, faults: list[Fault]) -> str | None:
    """What was carried out, as the log keeps it: the place of a label or candidate, or the parts of an action.

    Which candidates were offered only the decision knows. Of numbers alone a list is kept; where labels stand beside them,
    an object with `action`, the places of the labels, and `action_value`.
    """
    spec = checks.spec
    if spec.has_box:
        parts = parts_of(value, spec.actions, faults, where=where)
        if parts is None:
            return None
        kept = {"action": parts.choices, "action_value": parts.values} if spec.actions.choices else parts.values
        return msgspec.json.encode(kept).decode()
    if not spec.is_candidates:
        action = action_of(value, spec.labels, where, faults)
        return None if action is None else str(action)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < spec.actions.max:
        return str(value)
    faults.append(Fault(where, f"is {shown(value)}; expected the place of a candidate among those offered, from 0."))
    return None


def _values_of(
    sent: Mapping[str, Any],
    declared: Mapping[str, OutcomeSpec],
    faults: list[Fault],
    warnings: list[str],
    where: str,
) -> dict[str, float | None]:
    if len(sent) > MAX_NAMES:
        faults.append(Fault(where, f"has {len(sent):,} names; expected at most {MAX_NAMES}."))
        return {}
    values: dict[str, float | None] = {}
    for name, value in sent.items():
        at = place(where, name)
        if _is_name(name, at, faults):
            number = _number(value, declared.get(name), at, faults)
            if number is not None:
                values[name] = number
            if name not in declared:
                advice = unknown_name("outcome", name, declared)
                warnings.append(f"{at}: {advice} It is stored and counted, and is no part of the reward.")
    return values


def _is_name(name: str, at: str, faults: list[Fault]) -> bool:
    if name in (ACTIVATED, EXECUTED, ENDED):
        way = {ACTIVATED: "the activate call", EXECUTED: "the key `executed`", ENDED: "the key `terminated` or `truncated`"}
        faults.append(Fault(at, f"is a reserved name; expected {way[name]} instead.", "reserved_name"))
        return False
    if name.startswith("$"):
        faults.append(Fault(at, "starts with $, which is kept for Policyloop's own names; expected another.", "reserved_name"))
        return False
    if not 1 <= len(name) <= MAX_NAME_CHARS or not name.isprintable():
        faults.append(Fault(at, f"is no name; expected 1 to {MAX_NAME_CHARS} printable characters."))
        return False
    return True


def _number(value: Any, spec: OutcomeSpec | None, at: str, faults: list[Fault]) -> float | None:
    """The value as a number within its bounds; booleans are 0 and 1."""
    number = _float_of(value)
    if number is None:
        faults.append(Fault(at, f"is {shown(value)}; expected {_expected(spec)}."))
    elif spec is not None and not _fits(number, spec):
        faults.append(Fault(at, f"is {shown(value)}; expected {_expected(spec)}.", "out_of_bounds"))
        return None
    return number


def _float_of(value: Any) -> float | None:
    if not isinstance(value, int | float):  # a bool is an int
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _fits(number: float, spec: OutcomeSpec) -> bool:
    if spec.type == "boolean":
        return number in (0.0, 1.0)
    return (spec.min is None or number >= spec.min) and (spec.max is None or number <= spec.max)


def _expected(spec: OutcomeSpec | None) -> str:
    if spec is None:
        return "a finite number or boolean"
    if spec.type == "boolean":
        return "true or false, or 1 or 0"
    if spec.min is not None and spec.max is not None:
        return f"a number from {spec.min:g} to {spec.max:g}"
    if spec.min is not None:
        return f"a number of at least {spec.min:g}"
    return "a finite number" if spec.max is None else f"a number of at most {spec.max:g}"


def _next_context(request: OutcomeRequest, checks: Checks, faults: list[Fault], where: str) -> str | None:
    if request.next_context is None:
        return None
    context = checks.context.check(request.next_context, faults, where=f"{where}.next_context")
    if context is None:
        return None
    return context.json if checks.redaction is None else checks.redaction.apply(context).json


def _reserved(request: OutcomeRequest) -> dict[str, float | None]:
    """The rows that the keys `executed`, `terminated` and `truncated` make."""
    rows: dict[str, float | None] = {}
    if request.executed is not None:
        rows[EXECUTED] = None
    if request.terminated or request.truncated:
        rows[ENDED] = None
    return rows


def _check_frame(request: OutcomeRequest | ActivateRequest, faults: list[Fault], where: str) -> tuple[int | None, int | None]:
    """The id and the two times that every report has: (occurred_at, decided_at)."""
    check_id(request.decision_id, f"{where}.decision_id", faults)
    occurred_at = parse_time(request.occurred_at, f"{where}.occurred_at", faults)
    return occurred_at, parse_time(request.decided_at, f"{where}.decided_at", faults)
