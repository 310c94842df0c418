"""A request for a decision, checked against the loop, all faults at once.

Question answered: what exactly was asked, on which context, with which actions allowed?
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.context import CheckedContext
from policyloop.ingest.identity import check_id, parse_time
from policyloop.ingest.quoting import shown, shown_text, unknown_name
from policyloop.ingest.redact import subject_of


class Asked(msgspec.Struct, frozen=True):
    """A request for a decision that fits its loop."""

    context: CheckedContext  # as it is decided on and logged: defaults filled in, redacted
    mask: list[bool] | None  # None: every action may be taken
    occurred_at: int | None
    subject: str | None  # keyed hash


def ask(request: DecideRequest, checks: Checks) -> Asked:
    """Check a request for a decision.

    Raises:
        Invalid: the request does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    context = checks.context.check(request.context, faults)
    mask = None
    if request.mask is not None or request.exclude is not None:
        mask = allowed_of(request.mask, request.exclude, checks, faults, where="$")
    check_ids(request, faults, "$")
    if request.actions is not None or (request.n is not None and request.n != 1):
        _refuse_other_kinds(request, faults, "$")
    occurred_at = parse_time(request.occurred_at, "$.occurred_at", faults)
    if faults or context is None:
        raise Invalid(faults, subject="the request")
    subject = None
    if request.subject is not None or checks.spec.subject is not None:
        subject = subject_of(request.subject, context.values, checks.spec, salt=checks.salt)
    kept = context if checks.redaction is None else checks.redaction.apply(context)
    return Asked(kept, mask, occurred_at, subject)


def allowed_of(
    mask: list[bool] | None, exclude: list[str] | None, checks: Checks, faults: list[Fault], *, where: str
) -> list[bool] | None:
    """Which actions may be taken, in the spec's order; None when all may, or when a fault was appended."""
    labels = checks.spec.labels
    if mask is not None and exclude is not None:
        faults.append(Fault(f"{where}.mask", "is sent together with exclude; expected one of the two."))
        return None
    if mask is not None:
        if len(mask) != len(labels):
            message = f"has {len(mask):,} entries; expected {len(labels)}, one per action in this order: {listed(labels)}."
            faults.append(Fault(f"{where}.mask", message))
            return None
        return _unless_none_left([bool(entry) for entry in mask], f"{where}.mask", faults)
    if not exclude:
        return None
    for place, label in enumerate(exclude[:20]):
        if label not in checks.index_of_label:
            faults.append(Fault(f"{where}.exclude[{place}]", unknown_name("action", label, labels), "unknown_action"))
    gone = set(exclude)
    return _unless_none_left([label not in gone for label in labels], f"{where}.exclude", faults)


def action_of(value: Any, checks: Checks, where: str, faults: list[Fault]) -> int | None:
    """The index of an action given by label or index; None, and a fault appended, when there is none such."""
    labels = checks.spec.labels
    if isinstance(value, str):
        if value not in checks.index_of_label:
            faults.append(Fault(where, unknown_name("action", value, labels), "unknown_action"))
        return checks.index_of_label.get(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < len(labels):
        message = f"is {shown(value)}; expected a label or a whole number from 0 to {len(labels) - 1}."
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
    if request.actions is not None:
        message = (
            "are sent, but this loop's actions are the labels of its spec; expected none. Rule some out with mask or exclude."
        )
        faults.append(Fault(f"{where}.actions", message))
    if request.n is not None and request.n != 1:
        faults.append(
            Fault(f"{where}.n", f"is {shown(request.n)}; expected 1: a loop with labelled actions takes one at a time.")
        )


def listed(labels: Sequence[str]) -> str:
    """The first labels, for a message."""
    text = ", ".join(shown_text(label) for label in labels[:10])
    return text if len(labels) <= 10 else f"{text} and {len(labels) - 10:,} more"
