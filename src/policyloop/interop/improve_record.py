"""A record of the Improve track protocol: a decision or a reward, and what it says in our words.

Question answered: is this record well formed, and which decision or report is it of a loop? The presence of `count`
makes it a decision. What a client does not know of our loops stays with it: unknown keys are ignored, `item`, `context`
and `sample` are any JSON, and older clients say `variant` and `givens`.

The protocol logs the item that was chosen, how many candidates there were, and one of the others by even chance. So a
decision offers these two, the chosen one first; of the candidates that nobody logged `density` keeps the number, since
with it the propensity can be estimated. A reward has no time of its own: it belongs to its decision, whenever it comes.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from msgspec import UNSET

from policyloop.core.clock import iso
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import ActionSet, Event
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_actions import has_any_features
from policyloop.core.wire import MAX_ID_CHARS, CandidateAction, OutcomeRequest, TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.identity import check_id
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.ingest.payload import read
from policyloop.ingest.quoting import shown
from policyloop.interop.imported_row import outcome_of, outcome_value
from policyloop.interop.ksuid import N_CHARS, is_ksuid, made_at

POLICY = "improve"  # what decided, as the tables name it: `imported:improve`
REWARD = "reward"  # the outcome that rewards are reported as, in loops with several
SAMPLED = "sampled"  # the family in `density`: one of the candidates that were not chosen, each by the same chance
MAX_COUNT = 2**53
_MODEL = re.compile(r"[a-zA-Z0-9][\w\-.]{0,63}", re.ASCII)


class ImproveRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One JSON object of the protocol, as it comes; other keys are ignored."""

    message_id: Any
    model: Any
    count: Any = UNSET  # its presence makes the record a decision: how many candidates there were
    item: Any = UNSET  # what was chosen; any JSON
    variant: Any = UNSET  # older clients' name of it
    context: Any = UNSET  # any JSON
    givens: Any = UNSET  # older clients' name of it
    sample: Any = UNSET  # one of the others; any JSON, only when count > 1
    decision_id: Any = UNSET  # of a reward
    reward: Any = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ImproveDecision:
    """One of `count` candidates was chosen."""

    message_id: str  # the decision's id
    model: str
    item: Any  # any JSON
    context: Any  # any JSON; None: none was sent
    count: int  # at least 1
    sample: Any = UNSET  # any JSON; UNSET: none was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class ImproveReward:
    """Something good, or bad, came of a decision."""

    message_id: str
    model: str
    decision_id: str
    reward: float


def read_record(body: bytes, *, now_us: int | None, where: str = "$") -> ImproveDecision | ImproveReward:
    """The record in a JSON object.

    Args:
        now_us: microseconds since 1970 UTC; ids that say they were made later are refused. None: any are taken.
        where: the place of the record in its file, for messages.

    Raises:
        Invalid: it is none; every fault is listed.
    """
    record = read(body, ImproveRecord, where=where)
    faults: list[Fault] = []
    _check_ksuid(record.message_id, f"{where}.message_id", now_us, faults)
    if not isinstance(record.model, str) or not _MODEL.fullmatch(record.model):
        message = "expected a letter or digit, then up to 63 letters, digits, dots, dashes and underscores."
        faults.append(Fault(f"{where}.model", f"is {shown(record.model)}; {message}"))
    is_decision = record.count is not UNSET
    if is_decision:
        _check_decision(record, where, faults)
    else:
        _check_reward(record, where, now_us, faults)
    if faults:
        raise Invalid(faults, subject="the record")
    return _decision_of(record) if is_decision else _reward_of(record)


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
    return msgspec.structs.replace(event, density=density_of(record)), action_set


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


def _check_ksuid(value: Any, where: str, now_us: int | None, faults: list[Fault]) -> None:
    if not isinstance(value, str) or not is_ksuid(value):
        faults.append(Fault(where, f"is {shown(value)}; expected a KSUID: {N_CHARS} letters and digits."))
    elif now_us is not None and made_at(value) > now_us:
        message = "is a KSUID of the future; expected one made until now. Set the client's clock right."
        faults.append(Fault(where, message))


def _check_decision(record: ImproveRecord, where: str, faults: list[Fault]) -> None:
    count = record.count
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_COUNT:
        message = f"is {shown(count)}; expected how many candidates there were: a whole number of at least 1."
        faults.append(Fault(f"{where}.count", message))
    elif count == 1 and record.sample is not UNSET:
        message = "is sent with count 1; expected none, since there was no other candidate to draw it from."
        faults.append(Fault(f"{where}.sample", message))
    for name in ("item", "context"):
        _check_text(_value_of(record, name), f"{where}.{name}", faults)
    _check_text(record.sample, f"{where}.sample", faults)


def _check_text(value: Any, where: str, faults: list[Fault]) -> None:
    """That the value can be written as JSON again, as it will be."""
    try:
        msgspec.json.encode(None if value is UNSET else value)
    except (ValueError, TypeError, OverflowError, RecursionError):
        faults.append(Fault(where, "cannot be kept as JSON; expected numbers that fit 64 bits and valid Unicode text."))


def _check_reward(record: ImproveRecord, where: str, now_us: int | None, faults: list[Fault]) -> None:
    if record.decision_id is UNSET and record.reward is UNSET:
        message = "has neither count nor reward; expected count for a decision, or decision_id and reward."
        faults.append(Fault(where, message, "missing_field"))
        return
    if record.decision_id is UNSET:
        message = f"is missing; expected the decision's message_id: {N_CHARS} letters and digits."
        faults.append(Fault(f"{where}.decision_id", message, "missing_field"))
    else:
        _check_ksuid(record.decision_id, f"{where}.decision_id", now_us, faults)
    value = None if record.reward is UNSET else record.reward
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        said = "is missing" if record.reward is UNSET else f"is {shown(value)}"
        faults.append(Fault(f"{where}.reward", f"{said}; expected a finite number."))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _value_of(record: ImproveRecord, name: str) -> Any:
    """The item or context, by its own name or the one that older clients use; None where neither was sent."""
    older = {"item": record.variant, "context": record.givens}[name]
    value = getattr(record, name)
    found = older if value is UNSET else value
    return None if found is UNSET else found


def _decision_of(record: ImproveRecord) -> ImproveDecision:
    return ImproveDecision(
        message_id=record.message_id,
        model=record.model,
        item=_value_of(record, "item"),
        context=_value_of(record, "context"),
        count=record.count,
        sample=record.sample,
    )


def _reward_of(record: ImproveRecord) -> ImproveReward:
    return ImproveReward(
        message_id=record.message_id, model=record.model, decision_id=record.decision_id, reward=float(record.reward)
    )


def _candidate(item: Any, spec: LoopSpec, where: str, faults: list[Fault]) -> CandidateAction:
    """The item as a candidate: its keys are its features; one that is no object is its only feature, `item`."""
    if has_any_features(spec.actions):
        features = item if isinstance(item, dict) else {"item": item}
        return CandidateAction(id=name_of(item), features=None if item is None else features)
    return CandidateAction(id=name_of(item), features=_fields_of(item, spec.actions.features, where, faults))


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
    (only,) = fields.values() if len(fields) == 1 else (None,)
    if only is not None and only.type == "json":
        return {only.name: value if isinstance(value, dict) else {only.name: value}}
    if isinstance(value, dict):
        return value
    message = f"is {shown(value)}; expected an object with the keys {', '.join(fields)}, or a loop with one field of type json."
    faults.append(Fault(where, message))
    return {}
