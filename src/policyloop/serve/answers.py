"""The answer to a decision, from its record.

Question answered: what does the caller get to know of what was logged?
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from policyloop.core.clock import iso
from policyloop.core.event import Decision, unpack_floats
from policyloop.core.wire import Advice, DecideAnswer, DecideRequest, PropensityKind
from policyloop.ingest.decisions import Asked
from policyloop.serve.advice import advice_in
from policyloop.serve.box import Box
from policyloop.serve.live import Live

_to_json = msgspec.json.Encoder().encode


def answer_of(event: Decision, live: Live, request: DecideRequest, asked: Asked) -> DecideAnswer:
    """What is answered at once; `with_pmf` adds what only some callers ask for."""
    advice = UNSET if live.traffic is None else advice_in(event, live, asked)
    if live.box is not None:
        return _answer_of_numbers(event, live.box, advice)
    index = event.action[0]
    names = live.spec.labels if asked.candidates is None else asked.candidates.ids
    return DecideAnswer(
        decision_id=event.decision_id,
        decided_at=iso(event.decided_at),
        action=names[index],
        index=index,
        propensity=event.propensity,
        policy=event.policy,
        fallback=event.is_fallback,
        logged=True,
        deferred=event.is_deferred,
        split=event.split,
        ranking=UNSET if request.n is None or asked.candidates is None else [names[place] for place in event.action],
        step=UNSET if live.checks.is_plain or event.step is None else event.step,
        action_value_estimate=UNSET if event.action_value_estimate is None else event.action_value_estimate,
        advice=advice,
    )


def with_pmf(answer: DecideAnswer, event: Decision, live: Live) -> DecideAnswer:
    """The answer with all that the action was drawn from: a probability per action, or the density of its numbers."""
    if live.box is None:
        return msgspec.structs.replace(answer, pmf=event.probabilities())
    pmfs = {part.name: unpack_floats(pmf) for part, pmf in zip(live.box.actions.choices, event.pmf or [], strict=True)}
    return msgspec.structs.replace(answer, pmf=pmfs or UNSET, density=event.density or UNSET)


def _answer_of_numbers(event: Decision, box: Box, advice: Advice | UnsetType) -> DecideAnswer:
    values = box.named(event.action, event.action_value or [])
    kind: PropensityKind = event.propensity_kind  # type: ignore[assignment]
    return DecideAnswer(
        decision_id=event.decision_id,
        decided_at=iso(event.decided_at),
        action=_to_json(values).decode(),
        index=0,
        propensity=event.propensity,
        policy=event.policy,
        fallback=event.is_fallback,
        logged=True,
        deferred=event.is_deferred,
        split=event.split,
        step=UNSET if event.step is None else event.step,
        values=values,
        propensity_kind=kind,
        action_value_estimate=UNSET if event.action_value_estimate is None else event.action_value_estimate,
        advice=advice,
    )
