"""A request for a decision, and a decision that another system made: checked against the loop, all faults at once.

Question answered: what exactly was asked, on which context, with which actions allowed?
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import Decision, pack_floats
from policyloop.core.rng import keyed_uniform, uuid7
from policyloop.core.wire import DecideRequest, TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.context import CheckedContext
from policyloop.ingest.identity import check_id, clamp_time, parse_time
from policyloop.ingest.quoting import shown, shown_text, unknown_name
from policyloop.ingest.redact import subject_of

IMPORTED = "imported:"
PMF_TOLERANCE = 1e-6  # other systems log with fewer digits than we do; the gate's own log check is stricter


class Asked(msgspec.Struct, frozen=True):
    """A request for a decision that fits its loop."""

    context: CheckedContext  # as it is decided on and logged: defaults filled in, redacted
    mask: list[bool] | None  # None: every action may be taken
    occurred_at: int | None
    subject: str | None  # keyed hash


def ask(request: DecideRequest, checks: Checks, *, where: str = "$") -> Asked:
    """Check a request for a decision.

    Raises:
        Invalid: the request does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    context = checks.context.check(request.context, faults, where=f"{where}.context")
    mask = None
    if request.mask is not None or request.exclude is not None:
        mask = allowed_of(request.mask, request.exclude, checks, faults, where=where)
    _check_ids(request, faults, where)
    if request.actions is not None or (request.n is not None and request.n != 1):
        _refuse_other_kinds(request, faults, where)
    occurred_at = parse_time(request.occurred_at, f"{where}.occurred_at", faults)
    if faults or context is None:
        raise Invalid(faults, subject="the request")
    subject = None
    if request.subject is not None or checks.spec.subject is not None:
        subject = subject_of(request.subject, context.values, checks.spec, salt=checks.salt)
    kept = context if checks.redaction is None else checks.redaction.apply(context)
    return Asked(kept, mask, occurred_at, subject)


def tracked_decision(row: TrackedDecision, checks: Checks, *, received_at: int, where: str = "$") -> Decision:
    """The event of a decision that another system made.

    Its hour is that of our receipt; what the other system says of its time is kept as `occurred_at`.

    Args:
        received_at: now, microseconds since 1970 UTC.

    Raises:
        Invalid: the row does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    context = checks.context.check(row.context, faults, where=f"{where}.context")
    mask = allowed_of(row.mask, row.exclude, checks, faults, where=where)
    _check_ids(row, faults, where)
    action = action_of(row.action, checks, f"{where}.action", faults)
    if action is not None and mask is not None and not mask[action]:
        faults.append(
            Fault(f"{where}.action", f"is {shown(row.action)}, which the mask or exclude rules out; expected an allowed one.")
        )
    pmf = _pmf_of(row, checks, faults, where)
    propensity = _propensity_of(row, pmf, action, faults, where)
    named = "occurred_at" if row.occurred_at is not None else "decided_at"
    said_at = parse_time(getattr(row, named), f"{where}.{named}", faults)
    if faults or context is None or action is None:
        raise Invalid(faults, subject="the row")
    occurred_at, is_clamped = clamp_time(said_at, received_at=received_at)
    subject = subject_of(row.subject, context.values, checks.spec, salt=checks.salt)
    kept = context if checks.redaction is None else checks.redaction.apply(context)
    decision_id = row.decision_id or uuid7(received_at)
    return Decision(
        loop=checks.spec.loop,
        decision_id=decision_id,
        decided_at=received_at,
        spec=checks.spec.digest,
        policy=IMPORTED + (row.policy or "unnamed"),
        context=kept.json,
        split=keyed_uniform(checks.salt, checks.spec.loop, row.episode_id or decision_id, "split"),
        action=[action],
        propensity=propensity,
        propensity_kind=row.propensity_kind,
        pmf=None if pmf is None else [pack_floats(pmf)],
        mask=mask,
        occurred_at=occurred_at,
        action_source=row.action_source,
        salt_id=checks.salt_id,  # of the split; the action was not drawn by us, so draw_version stays 0
        is_clamped=is_clamped,
        is_deferred=row.defer,
        subject=subject,
        episode_id=row.episode_id,
        step=row.step,
    )


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
            message = f"has {len(mask):,} entries; expected {len(labels)}, one per action in this order: {_listed(labels)}."
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


def _check_ids(request: DecideRequest | TrackedDecision, faults: list[Fault], where: str) -> None:
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


def _pmf_of(row: TrackedDecision, checks: Checks, faults: list[Fault], where: str) -> list[float] | None:
    """The logged probabilities in the spec's order."""
    if row.pmf is None:
        if row.propensity_kind == "probability":
            message = (
                "is missing; expected a probability per action, or propensity_kind 'estimated' or 'unknown', "
                "which is learned from but is no evidence."
            )
            faults.append(Fault(f"{where}.pmf", message))
        return None
    pmf = _in_order(row.pmf, checks, faults, where)
    if pmf is None:
        return None
    bad = next((i for i, p in enumerate(pmf) if not 0.0 <= p <= 1.0), None)  # NaN is not within either
    if bad is not None:
        label = checks.spec.labels[bad]
        faults.append(Fault(f"{where}.pmf", f"gives {shown_text(label)} the probability {shown(pmf[bad])}; expected 0 to 1."))
        return None
    if abs(math.fsum(pmf) - 1.0) > PMF_TOLERANCE:
        faults.append(Fault(f"{where}.pmf", f"sums to {math.fsum(pmf):.9g}; expected 1 within {PMF_TOLERANCE:g}."))
        return None
    return pmf


def _in_order(pmf: list[float] | dict[str, float], checks: Checks, faults: list[Fault], where: str) -> list[float] | None:
    labels = checks.spec.labels
    if isinstance(pmf, list):
        if len(pmf) != len(labels):
            message = f"has {len(pmf):,} entries; expected {len(labels)}, one per action in this order: {_listed(labels)}."
            faults.append(Fault(f"{where}.pmf", message))
            return None
        return pmf
    strangers = [label for label in pmf if label not in checks.index_of_label]
    for label in strangers[:20]:
        faults.append(Fault(f"{where}.pmf", unknown_name("action", label, labels), "unknown_action"))
    return None if strangers else [pmf.get(label, 0.0) for label in labels]


def _propensity_of(row: TrackedDecision, pmf: list[float] | None, action: int | None, faults: list[Fault], where: str) -> float:
    """The probability that the other policy gave the action; NaN when it is unknown."""
    in_pmf = None if pmf is None or action is None else pmf[action]
    if row.propensity is None:
        if in_pmf is not None and in_pmf > 0.0:
            return in_pmf
        if row.propensity_kind == "unknown":
            return math.nan
        message = "is missing" if in_pmf is None else "is 0 in the pmf"
        faults.append(Fault(f"{where}.propensity", f"{message}; expected the chance in (0, 1] that the action really had."))
        return math.nan
    if not 0.0 < row.propensity <= 1.0:
        message = f"is {shown(row.propensity)}; expected a probability in (0, 1]. Log the chance the action really had."
        faults.append(Fault(f"{where}.propensity", message))
    elif in_pmf is not None and abs(row.propensity - in_pmf) > PMF_TOLERANCE:
        message = f"is {shown(row.propensity)}, but the pmf gives this action {shown(in_pmf)}; expected the same number."
        faults.append(Fault(f"{where}.propensity", message))
    return row.propensity if in_pmf is None else in_pmf


def _listed(labels: Sequence[str]) -> str:
    text = ", ".join(shown_text(label) for label in labels[:10])
    return text if len(labels) <= 10 else f"{text} and {len(labels) - 10:,} more"
