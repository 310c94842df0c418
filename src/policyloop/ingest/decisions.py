"""A request for a decision, checked against the loop, all faults at once.

Question answered: what exactly was asked, on which context, with which actions allowed?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from policyloop.core.candidates import Candidates
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import ActionSpec
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.candidates import FindSet
from policyloop.ingest.checks import Checks
from policyloop.ingest.context import CheckedContext
from policyloop.ingest.identity import check_id, parse_time
from policyloop.ingest.in_episodes import check_episode
from policyloop.ingest.parts import Parts, described_parts, parts_of
from policyloop.ingest.quoting import shown, shown_text, unknown_name
from policyloop.ingest.redact import subject_of


class Asked(msgspec.Struct, frozen=True):
    """A request for a decision that fits its loop."""

    context: CheckedContext  # as it is decided on and logged: defaults filled in, redacted
    mask: list[bool] | None  # None: every action may be taken
    candidates: Candidates | None  # None: the actions are the spec's labels
    occurred_at: int | None
    subject: str | None  # keyed hash
    previous: Parts | None = None  # what was done at the step before, as the caller says


def ask(request: DecideRequest, checks: Checks, *, find_set: FindSet | None = None) -> Asked:
    """Check a request for a decision.

    Args:
        find_set: looks up a set of candidates that was registered ahead.

    Raises:
        Invalid: the request does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    context = checks.context.check(request.context, faults)
    candidates = None
    if checks.spec.is_candidates:
        candidates = _candidates_of(request, checks, find_set, faults)
    mask = previous = None
    if request.mask is not None or request.exclude is not None:
        names = checks.spec.labels if candidates is None else candidates.ids
        if names:
            mask = allowed_of(request.mask, request.exclude, names, faults, where="$")
    check_ids(request, faults, "$")
    if not checks.is_plain:
        previous = _previous_of(request, checks, faults)
    elif request.previous is not None:
        _refuse_previous(faults)
    if not checks.spec.is_candidates:
        _refuse_other_kinds(request, faults, "$")
    occurred_at = parse_time(request.occurred_at, "$.occurred_at", faults)
    if faults or context is None:
        raise Invalid(faults, subject="the request")
    subject = None
    if request.subject is not None or checks.spec.subject is not None:
        subject = subject_of(request.subject, context.values, checks.spec, salt=checks.salt)
    kept = context if checks.redaction is None else checks.redaction.apply(context)
    return Asked(kept, mask, candidates, occurred_at, subject, previous)


def _previous_of(request: DecideRequest, checks: Checks, faults: list[Fault]) -> Parts | None:
    """What was done at the step before, as the caller says; also holds the request against what episodes and numbers need."""
    spec = checks.spec
    check_episode(request, spec, faults, "$")
    if not spec.has_box:
        if request.previous is not None:
            _refuse_previous(faults)
        return None
    if request.mask is not None or request.exclude is not None:
        name = "exclude" if request.mask is None else "mask"
        faults.append(Fault(f"$.{name}", _no_mask_in_parts(spec.actions)))
    return None if request.previous is None else parts_of(request.previous, spec.actions, faults, where="$.previous")


def _no_mask_in_parts(actions: ActionSpec) -> str:
    """Why nothing is left out of an action with numbers, and the way out."""
    what, described = "numbers" if not actions.choices else "labels with numbers beside them", described_parts(actions)
    way_out = "limits in its spec" if not actions.choices else "no mask: leave labels out in the spec, and limit numbers there"
    return f"is sent, but this loop's actions are {what}: {described}; expected {way_out}."


def _refuse_previous(faults: list[Fault]) -> None:
    message = "is sent, but this loop's actions are no numbers; expected it only where limits hold from step to step."
    faults.append(Fault("$.previous", message))


def _candidates_of(request: DecideRequest, checks: Checks, find_set: FindSet | None, faults: list[Fault]) -> Candidates | None:
    """The set that was sent or named; None, and a fault appended, when there is none."""
    if request.n is not None and not 1 <= request.n <= checks.spec.actions.max:
        faults.append(Fault("$.n", f"is {shown(request.n)}; expected 1 to {checks.spec.actions.max:,}."))
    if (request.actions is None) == (request.action_set is None):
        either = "expected the candidates, or action_set, the name of a set that was registered ahead"
        what = "are missing" if request.actions is None else "are sent together with action_set"
        faults.append(Fault("$.actions", f"{what}; {either}.", "missing_field" if request.actions is None else "invalid"))
        return None
    if request.actions is not None:
        return checks.candidates.check(request.actions, faults, where="$.actions")
    assert request.action_set is not None
    return checks.candidates.named(request.action_set, find_set, faults, where="$.action_set")


def allowed_of(
    mask: list[bool] | None, exclude: list[str] | None, names: Sequence[str], faults: list[Fault], *, where: str
) -> list[bool] | None:
    """Which actions may be taken, in the offered order; None when all may, or when a fault was appended.

    Args:
        names: the labels or ids that are offered.
    """
    if mask is not None and exclude is not None:
        faults.append(Fault(f"{where}.mask", "is sent together with exclude; expected one of the two."))
        return None
    if mask is not None:
        if len(mask) != len(names):
            message = f"has {len(mask):,} entries; expected {len(names)}, one per action in this order: {listed(names)}."
            faults.append(Fault(f"{where}.mask", message))
            return None
        return _unless_none_left([bool(entry) for entry in mask], f"{where}.mask", faults)
    if not exclude:
        return None
    known, gone = set(names), set(exclude)
    for place, name in enumerate(exclude[:20]):
        if name not in known:
            faults.append(Fault(f"{where}.exclude[{place}]", unknown_name("action", name, names), "unknown_action"))
    return _unless_none_left([name not in gone for name in names], f"{where}.exclude", faults)


def action_of(value: Any, names: Sequence[str], where: str, faults: list[Fault]) -> int | None:
    """The place of an action given by name or place; None, and a fault appended, when there is none such."""
    if isinstance(value, str):
        if value in names:
            return names.index(value)
        faults.append(Fault(where, unknown_name("action", value, names), "unknown_action"))
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(names):
        message = f"is {shown(value)}; expected a name or a whole number from 0 to {len(names) - 1}."
        faults.append(Fault(where, message, "unknown_action"))
        return None
    return value


def _unless_none_left(allowed: list[bool], where: str, faults: list[Fault]) -> list[bool] | None:
    if not any(allowed):
        faults.append(Fault(where, "leaves no action; expected at least one that may be taken.", "no_action_left"))
    return None if all(allowed) else allowed


def check_ids(request: DecideRequest | TrackedDecision, faults: list[Fault], where: str) -> None:
    """Append a fault for each id in the request that cannot be one."""
    if request.decision_id is not None:
        check_id(request.decision_id, f"{where}.decision_id", faults)
    if request.episode_id is not None:
        check_id(request.episode_id, f"{where}.episode_id", faults)
    if request.subject is not None:
        check_id(request.subject, f"{where}.subject", faults)
    if isinstance(request, TrackedDecision) and request.policy is not None:
        check_id(request.policy, f"{where}.policy", faults)


def _refuse_other_kinds(request: DecideRequest, faults: list[Fault], where: str) -> None:
    if request.actions is not None or request.action_set is not None:
        message = "are sent, but this loop's actions are in its spec; expected none. Rule labels out with mask or exclude."
        faults.append(Fault(f"{where}.{'action_set' if request.actions is None else 'actions'}", message))
    if request.n is not None and request.n != 1:
        faults.append(Fault(f"{where}.n", f"is {shown(request.n)}; expected 1: only candidates are ranked."))


def listed(labels: Sequence[str]) -> str:
    """The first labels, for a message."""
    text = ", ".join(shown_text(label) for label in labels[:10])
    return text if len(labels) <= 10 else f"{text} and {len(labels) - 10:,} more"
