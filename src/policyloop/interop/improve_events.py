"""What a record of the Improve track protocol says in our words: a decision among candidates, or an outcome.

Question answered: which event of the loop is it? The protocol logs the item that was chosen, how many candidates there
were, and one of the others by even chance. So a decision offers these two, the chosen one first; of the candidates that
nobody logged `density` keeps the number, since with it the propensity can be estimated. A reward has no time of its own:
it belongs to its decision, whenever it comes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import UNSET

from policyloop.core.clock import iso
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import SAMPLED, ActionSet, Event
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_actions import has_any_features
from policyloop.core.wire import MAX_ID_CHARS, CandidateAction, OutcomeRequest, TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.identity import check_id
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.json_values import max_fields_of
from policyloop.ingest.outcomes import outcome
from policyloop.ingest.quoting import shown
from policyloop.interop.imported_row import outcome_of, outcome_value
from policyloop.interop.improve_record import ImproveDecision, ImproveReward
from policyloop.interop.json_within import within
from policyloop.interop.ksuid import made_at

POLICY = "improve"  # what decided, as the tables name it: `imported:improve`
REWARD = "reward"  # the outcome that rewards are reported as, in loops with several


def tracked(decision: ImproveDecision, spec: LoopSpec, *, policy: str = POLICY, where: str = "$") -> TrackedDecision:
    """The decision as one that another system made.

    Args:
        policy: the name under which the tables keep what decided.

    Raises:
        Invalid: the loop is none for such decisions, or the context or an item is no object where the loop wants one.
    """
    if not spec.is_candidates:
        message = (
            f"is '{decision.model}', a loop of labelled actions; expected one with `actions: {{kind: candidates}}`, "
            f"since this protocol's items come with the decision."
        )
        raise Invalid([Fault(f"{where}.model", message)])
    faults: list[Fault] = []
    context = _fields_of(decision.context, spec.context, f"{where}.context", faults)
    offered = [_candidate(decision.item, spec, f"{where}.item", faults)]
    if decision.sample is not UNSET:
        other = _candidate(decision.sample, spec, f"{where}.sample", faults)
        offered += [other] if other.id != offered[0].id else []
    if faults:
        raise Invalid(faults, subject="the record")
    return TrackedDecision(
        loop=spec.loop,
        decision_id=decision.message_id,
        context=context,
        actions=offered,
        action=0,
        propensity_kind="unknown",
        policy=policy,
        occurred_at=iso(made_at(decision.message_id)),
    )


def density_of(decision: ImproveDecision) -> dict[str, Any]:
    """What is known of the candidates that were not chosen: how many were offered, and which is the one by even chance.

    `sample` is its place among the offered: 1, or 0 where it equals what was chosen; not there where none was sent.
    """
    density = {"family": SAMPLED, "count": decision.count}
    if decision.sample is not UNSET:
        density["sample"] = int(name_of(decision.sample) != name_of(decision.item))
    return density


def report(reward: ImproveReward, spec: LoopSpec, *, name: str | None = None, where: str = "$") -> OutcomeRequest:
    """The reward as an outcome report.

    It happened when its decision was made, as far as the loop's window goes: the protocol has no window, so what comes
    at any delay counts. When it was really sent is told by its id and by the time of receipt.

    Args:
        name: of the outcome that it is reported as; None: `reward`, or the loop's only one.

    Raises:
        Invalid: the loop has no such outcome, or has several of which none is called `reward`.
    """
    if name is None and len(spec.outcomes) > 1 and REWARD not in spec.outcomes:
        message = f"is '{reward.model}', a loop with the outcomes {', '.join(spec.outcomes)}; expected one named {REWARD}."
        raise Invalid([Fault(f"{where}.model", message)])
    rewarded = outcome_of(spec, REWARD if name is None and REWARD in spec.outcomes else name)
    decided_at = iso(made_at(reward.decision_id))
    return OutcomeRequest(
        decision_id=reward.decision_id,
        outcomes={rewarded.name: outcome_value(rewarded, reward.reward)},
        outcome_id=reward.message_id,
        occurred_at=decided_at,
        decided_at=decided_at,
    )


def event_of(
    record: ImproveDecision | ImproveReward, checks: Checks, *, received_at: int, where: str = "$"
) -> tuple[Event, ActionSet | None]:
    """The event of a record, checked against its loop, and the set of candidates that the log must have before it.

    Args:
        received_at: now, microseconds since 1970 UTC.

    Raises:
        Invalid: it does not fit the loop; every fault is listed.
    """
    if isinstance(record, ImproveReward):
        return outcome(report(record, checks.spec, where=where), checks, received_at=received_at, where=where).event, None
    request = tracked(record, checks.spec, where=where)
    try:
        event, action_set = imported_decision(request, checks, received_at=received_at, where=where)
    except Invalid as error:
        raise Invalid([_in_their_words(fault, where) for fault in error.faults], subject="the record") from None
    told = {"density": density_of(record), "extra": whole_of(record, checks.spec)}
    # What the propensity was is estimated from the sample, each time the decision is learned from.
    return msgspec.structs.replace(event, propensity_kind="estimated", **told), action_set


def whole_of(decision: ImproveDecision, spec: LoopSpec) -> dict[str, str] | None:
    """The JSON of what the loop's fields had no place for, so that nothing is lost; None where all of it had."""
    sent = (
        ("context", decision.context, _only_json(spec.context)),
        ("item", decision.item, _only_json(spec.actions.features)),
        ("sample", decision.sample, _only_json(spec.actions.features)),
    )
    cut = [
        (name, value)
        for name, value, field in sent
        if field is not None
        and field.store == "yes"
        and value is not UNSET
        and _json_of(value, name, field) != _object_of(value, name)
    ]
    return {name: msgspec.json.encode(value).decode() for name, value in cut} or None


def name_of(item: Any) -> str:
    """The id of an item: a text is its own; else it is the JSON of a number, boolean or null, or a digest of the rest.

    A text that would be read as the JSON of something else is put in quotes, so that `0` and `"0"` are two items.
    """
    if isinstance(item, list | dict):
        return _digest(item)
    plain = item if isinstance(item, str) and not _is_json(item) else msgspec.json.encode(item).decode()
    wrong: list[Fault] = []
    check_id(plain, "", wrong)
    return _digest(item) if wrong else plain


def _digest(item: Any) -> str:
    """Equal for objects whose keys come in another order."""
    data = msgspec.json.encode(item, order="deterministic")
    return "item-" + hashlib.blake2b(data, digest_size=12).hexdigest()


def _is_json(text: str) -> bool:
    if len(text) > MAX_ID_CHARS:
        return False
    try:
        msgspec.json.decode(text)
    except (ValueError, RecursionError):  # what msgspec raises is a ValueError
        return False
    return True


def _candidate(item: Any, spec: LoopSpec, where: str, faults: list[Fault]) -> CandidateAction:
    """The item as a candidate: its keys are its features; one that is no object is its only feature, `item`."""
    if not has_any_features(spec.actions):
        return CandidateAction(id=name_of(item), features=_fields_of(item, spec.actions.features, where, faults))
    (field,) = spec.actions.features.values()
    return CandidateAction(id=name_of(item), features=None if item is None else _json_of(item, "item", field))


def _in_their_words(fault: Fault, where: str) -> Fault:
    """The fault with its place as the record has it: the first of the actions is the item, the second the sample."""
    said = fault.where
    for ours, theirs in ((".actions[0]", ".item"), (".actions[1]", ".sample")):
        if said.startswith(where + ours):
            below = said.removeprefix(where + ours)
            return replace(fault, where=where + theirs + below.removeprefix(".features"))
    return fault


def _fields_of(value: Any, fields: Mapping[str, Field], where: str, faults: list[Fault]) -> dict[str, Any]:
    """Any JSON as the declared fields: an object gives them by name, a loop with one json field takes it whole."""
    if value is None:
        return {}
    only = _only_json(fields)
    if only is not None:
        return {only.name: _json_of(value, only.name, only)}
    if isinstance(value, dict):
        return value
    message = f"is {shown(value)}; expected an object with the keys {', '.join(fields)}, or a loop with one field of type json."
    faults.append(Fault(where, message))
    return {}


def _only_json(fields: Mapping[str, Field]) -> Field | None:
    """The loop's field that takes anything, where it is the only one."""
    return next((field for field in fields.values() if field.type == "json" and len(fields) == 1), None)


def _json_of(value: Any, name: str, field: Field) -> dict[str, Any]:
    """Any JSON as an object that the field takes; what it has no place for is left out."""
    cut: dict[str, Any] = within(_object_of(value, name), max_values=max_fields_of(field))
    return cut


def _object_of(value: Any, name: str) -> dict[str, Any]:
    return value if isinstance(value, dict) else {name: value}
