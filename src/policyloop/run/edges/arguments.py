"""What a caller of a decider at the edge passes in, as the requests of the wire; and what comes back, as the SDK's answers.

Question answered: is this a request as the server would take it? The quick way is one conversion; only when something does
not fit is it written as JSON and read as the server reads it, which takes NumPy's numbers and names every fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from policyloop.client.answers import Answer
from policyloop.client.body import encode
from policyloop.client.errors import Refused
from policyloop.core.clock import US_PER_S, from_iso
from policyloop.core.duration import show_duration
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import Outcome
from policyloop.core.loop import LoopSpec
from policyloop.ingest.payload import read
from policyloop.serve.decider import Decided

R = TypeVar("R", bound=msgspec.Struct)
T = TypeVar("T")


def used(said: Mapping[str, Any], kind: type[R], use: Callable[[R], T]) -> T:
    """What `use` makes of the request that was said.

    Raises:
        Invalid: it is no such request, or `use` says so; every fault is listed.
    """
    try:
        return use(msgspec.convert({key: value for key, value in said.items() if value is not None}, kind))
    except (msgspec.ValidationError, TypeError, Invalid):
        pass  # once more, the long way: either it fits then, or all that is wrong is told
    return use(read(_as_json(said), kind))


def answer_of(decided: Decided, *, is_logged: bool, is_split_known: bool = True, reason: str | None = None) -> Answer:
    """The answer as the SDK gives it.

    Args:
        is_split_known: False where the server that is told of it makes the split.
        reason: why it was not logged, where it should have been.
    """
    answer = decided.answer
    return Answer(
        loop=decided.event.loop,
        decision_id=answer.decision_id,
        action=answer.action,
        logged=is_logged,
        fallback=answer.fallback,
        index=answer.index,
        propensity=answer.propensity,
        policy=answer.policy,
        decided_at=answer.decided_at,
        deferred=answer.deferred,
        split=answer.split if is_split_known else None,
        ranking=None if answer.ranking is UNSET else tuple(answer.ranking),
        pmf=None if answer.values is not UNSET else tuple(decided.event.probabilities()),
        values=_set(answer.values),
        step=_set(answer.step),
        propensity_kind=_set(answer.propensity_kind),
        action_value_estimate=_set(answer.action_value_estimate),
        density=decided.event.density,
        episode_id=decided.event.episode_id,
        reason=reason,
    )


def _set(value: T | UnsetType) -> T | None:
    """The value, or None where the answer says nothing."""
    return None if value is UNSET else value


def id_of(decision: Answer | str) -> str:
    """The decision's id."""
    return decision if isinstance(decision, str) else decision.decision_id


def is_unlogged(decision: Answer | str) -> bool:
    """Whether the decision should have been kept and was not, so that there is nothing to report on."""
    return isinstance(decision, Answer) and decision.reason is not None


def why_too_late(decision: Answer | str, event: Outcome, spec: LoopSpec) -> str | None:
    """Why an outcome cannot count, in words; None when it can, or when that is not known here.

    The server dates a delivered decision when it arrives, and takes what happened before for what happened at once. So
    what happened after the window has to be left out by the one who knows when the decision was made.
    """
    if not isinstance(decision, Answer) or decision.deferred or decision.decided_at is None:
        return None
    happened_at = event.received_at if event.occurred_at is None else event.occurred_at
    waited_s = (happened_at - from_iso(decision.decided_at)) / US_PER_S
    if waited_s < spec.reward.window_s:
        return None
    window = show_duration(spec.reward.window_s)
    return f"it happened {waited_s:,.0f} s after the decision, outside the window of {window}; it is not delivered."


def _as_json(said: Mapping[str, Any]) -> bytes:
    try:
        return encode({key: value for key, value in said.items() if value is not None})
    except Refused as error:
        raise Invalid([Fault(error.where or "$", error.message)], subject="the request") from None
