"""A decision that another system made: checked against the loop as if it were ours, all faults at once.

Question answered: what was offered, what was taken, and is its logged probability one that can be true?
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from policyloop.core.candidates import Candidates, stored
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import ActionSet, Decision, pack_floats
from policyloop.core.model import IMPORTED
from policyloop.core.rng import keyed_uniform, uuid7
from policyloop.core.wire import TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.decisions import action_of, allowed_of, check_ids, listed
from policyloop.ingest.identity import clamp_time, parse_time
from policyloop.ingest.imported_parts import Taken, parts_taken, refuse_parts
from policyloop.ingest.in_episodes import check_episode
from policyloop.ingest.quoting import shown, shown_text, unknown_name
from policyloop.ingest.redact import subject_of

_CHANCE = "the chance in (0, 1] that the action really had"
PMF_TOLERANCE = 1e-6  # other systems log with fewer digits than we do; the gate's own log check is stricter


def imported_decision(
    row: TrackedDecision, checks: Checks, *, received_at: int, where: str = "$"
) -> tuple[Decision, ActionSet | None]:
    """The event of a decision that another system made, and the set of candidates that the log must have before it.

    Its hour is that of our receipt; what the other system says of its time is kept as `occurred_at`.

    Args:
        received_at: now, microseconds since 1970 UTC.
        where: the place of the row in its body, for messages.

    Raises:
        Invalid: the row does not fit the loop; every fault is listed.
    """
    faults: list[Fault] = []
    context = checks.context.check(row.context, faults, where=f"{where}.context")
    candidates = _candidates_of(row, checks, faults, where)
    check_ids(row, faults, where)
    check_episode(row, checks.spec, faults, where)
    if checks.spec.has_box:
        taken = parts_taken(row, checks.spec, faults, where)
    else:
        taken = _label_taken(row, checks.spec.labels if candidates is None else candidates.ids, faults, where)
    named = "decided_at" if row.occurred_at is None else "occurred_at"
    said_at = parse_time(getattr(row, named), f"{where}.{named}", faults)
    if faults or context is None or taken is None:
        raise Invalid(faults, subject="the row")
    occurred_at, is_clamped = clamp_time(said_at, received_at=received_at)
    subject = subject_of(row.subject, context.values, checks.spec, salt=checks.salt)
    kept = context if checks.redaction is None else checks.redaction.apply(context)
    decision_id = row.decision_id or uuid7(received_at)
    to_log = None if candidates is None else checks.candidates.to_log(candidates, now_us=received_at)
    decision = Decision(
        loop=checks.spec.loop,
        decision_id=decision_id,
        decided_at=received_at,
        spec=checks.spec.digest,
        policy=IMPORTED + (row.policy or "unnamed"),
        context=kept.json,
        split=keyed_uniform(checks.salt, checks.spec.loop, row.episode_id or decision_id, "split"),
        action=taken.action,
        action_value=taken.action_value,
        density=taken.density,
        propensity=taken.propensity,
        propensity_kind=taken.propensity_kind,
        pmf=None if taken.pmf is None else [pack_floats(taken.pmf)],
        mask=taken.mask,
        actions=None if candidates is None else stored(candidates),
        occurred_at=occurred_at,
        action_source=row.action_source,
        salt_id=checks.salt_id,  # of the split; the action was not drawn by us, so draw_version stays 0
        is_clamped=is_clamped,
        is_fallback=row.fallback,
        is_deferred=row.defer,
        subject=subject,
        episode_id=row.episode_id,
        step=row.step,
    )
    return decision, to_log


def _label_taken(row: TrackedDecision, names: Sequence[str], faults: list[Fault], where: str) -> Taken | None:
    """What was done where actions have names; None, and faults appended, when that cannot be."""
    refuse_parts(row, faults, where)
    mask = allowed_of(row.mask, row.exclude, names, faults, where=where) if names else None
    action = _action_of(row, mask, names, faults, where) if names else None
    pmf = _pmf_of(row, mask, names, faults, where) if names else None
    propensity = _propensity_of(row, pmf, action, faults, where)
    if action is None:
        return None
    return Taken([action], propensity, row.propensity_kind, pmf=pmf, mask=mask)


def _candidates_of(row: TrackedDecision, checks: Checks, faults: list[Fault], where: str) -> Candidates | None:
    """What was offered; None where the actions are labels, or where a fault was appended."""
    if not checks.spec.is_candidates:
        if row.actions is not None:
            faults.append(
                Fault(f"{where}.actions", "are sent, but this loop's actions are the labels of its spec; expected none.")
            )
        return None
    if row.actions is None:
        faults.append(Fault(f"{where}.actions", "are missing; expected the candidates that were offered.", "missing_field"))
        return None
    return checks.candidates.check(row.actions, faults, where=f"{where}.actions")


def _action_of(
    row: TrackedDecision, mask: list[bool] | None, names: Sequence[str], faults: list[Fault], where: str
) -> int | None:
    if row.action is None:
        faults.append(Fault(f"{where}.action", f"is missing; expected one of {listed(names)}, or its place.", "missing_field"))
        return None
    action = action_of(row.action, names, f"{where}.action", faults)
    if action is not None and mask is not None and not mask[action]:
        message = f"is {shown(row.action)}, which mask or exclude rules out; expected an action that was allowed."
        faults.append(Fault(f"{where}.action", message))
    return action


def _pmf_of(
    row: TrackedDecision, mask: list[bool] | None, names: Sequence[str], faults: list[Fault], where: str
) -> list[float] | None:
    """The logged probabilities in the offered order."""
    if row.pmf is None:
        if row.propensity_kind in ("probability", "point"):
            message = (
                "is missing; expected a probability per action, or propensity_kind 'estimated' or 'unknown', "
                "which is learned from but is no evidence."
            )
            faults.append(Fault(f"{where}.pmf", message, "missing_field"))
        return None
    pmf = _in_order(row.pmf, names, faults, where)
    if pmf is None:
        return None
    wrong = _fault_in(pmf, mask, names)
    if wrong is not None:
        faults.append(Fault(f"{where}.pmf", wrong))
        return None
    return pmf


def _fault_in(pmf: list[float], mask: list[bool] | None, labels: Sequence[str]) -> str | None:
    bad = next((i for i, p in enumerate(pmf) if not 0.0 <= p <= 1.0), None)  # NaN is not within either
    if bad is not None:
        return f"gives {shown_text(labels[bad])} the probability {shown(pmf[bad])}; expected 0 to 1."
    masked = next((i for i, p in enumerate(pmf) if p > 0.0 and mask is not None and not mask[i]), None)
    if masked is not None:
        return f"gives {shown_text(labels[masked])} the probability {shown(pmf[masked])}, although it is masked; expected 0."
    total = math.fsum(pmf)
    return None if abs(total - 1.0) <= PMF_TOLERANCE else f"sums to {total:.9g}; expected 1 within {PMF_TOLERANCE:g}."


def _in_order(pmf: list[float] | dict[str, float], names: Sequence[str], faults: list[Fault], where: str) -> list[float] | None:
    if isinstance(pmf, list):
        if len(pmf) != len(names):
            message = f"has {len(pmf):,} entries; expected {len(names)}, one per action in this order: {listed(names)}."
            faults.append(Fault(f"{where}.pmf", message))
            return None
        return pmf
    known = set(names)
    strangers = [label for label in pmf if label not in known]
    for label in strangers[:20]:
        faults.append(Fault(f"{where}.pmf", unknown_name("action", label, names), "unknown_action"))
    return None if strangers else [pmf.get(label, 0.0) for label in names]


def _propensity_of(row: TrackedDecision, pmf: list[float] | None, action: int | None, faults: list[Fault], where: str) -> float:
    """The probability that the other policy gave the action; NaN when it is unknown."""
    in_pmf = None if pmf is None or action is None else pmf[action]
    if row.propensity is None:
        if in_pmf == 0.0:
            faults.append(Fault(f"{where}.propensity", f"is 0 in the pmf; expected {_CHANCE}."))
        elif row.pmf is None and row.propensity_kind == "estimated":
            faults.append(Fault(f"{where}.propensity", f"is missing; expected {_CHANCE}.", "missing_field"))
        return in_pmf or math.nan
    if not 0.0 < row.propensity <= 1.0:
        message = f"is {shown(row.propensity)}; expected a probability in (0, 1]. Log the chance the action really had."
        faults.append(Fault(f"{where}.propensity", message))
    elif in_pmf is not None and abs(row.propensity - in_pmf) > PMF_TOLERANCE:
        message = f"is {shown(row.propensity)}, but the pmf gives this action {shown(in_pmf)}; expected the same number."
        faults.append(Fault(f"{where}.propensity", message))
    return row.propensity if in_pmf is None else in_pmf
