"""A record of the Improve track protocol: a decision or a reward, as its clients send them.

Question answered: is this record well formed, and what does it hold? The presence of `count` makes it a decision. What a
client does not know of our loops stays with it: unknown keys are ignored, `item`, `context` and `sample` are any JSON, and
older clients say `variant` and `givens`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from policyloop.core.errors import Fault, Invalid
from policyloop.ingest.payload import read
from policyloop.ingest.quoting import shown
from policyloop.interop.ksuid import N_CHARS, is_ksuid, made_at

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
