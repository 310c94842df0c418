"""Rank: a request in, a decision's request out; a decision in, a ranking out.

Question answered: which of the caller's actions are offered to the loop, and in which order do they come back? Excluded
actions stay where they were sent, with probability 0; the others stand from the most to the least probable. The action to
take is the one that was drawn, which need not be the first.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from policyloop.core.errors import Fault
from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.core.shadow import read_shadow
from policyloop.core.wire import CandidateAction, DecideRequest
from policyloop.ingest.payload import read
from policyloop.interop.personalizer.features import actions_of, context_of
from policyloop.interop.personalizer.fit import context_as_declared
from policyloop.interop.personalizer.refusals import Misfit
from policyloop.interop.personalizer.wire import RankAnswer, RankedAction, RankRequest

INVALID = "InvalidRankRequest"
_MAX_REMEMBERED = 512
_MAX_REMEMBERED_BYTES = 2**14  # of one list of actions


def request_of(body: bytes, spec: LoopSpec) -> DecideRequest:
    """What is asked of the loop.

    Raises:
        Misfit: the request does not fit; the service's own sentence says why.
        Invalid: it is no such JSON object.
    """
    sent = read(body, RankRequest)
    text = bytes(sent.actions)
    actions, found = _remembered(text) if len(text) <= _MAX_REMEMBERED_BYTES else _read(text)
    faults = list(found)
    context = context_of(sent.contextFeatures, faults)
    if sent.eventId is not None and not sent.eventId:
        faults.append(Fault("$.eventId", "EventId should be non-empty or null."))
    if faults:
        raise Misfit(INVALID, faults)
    exclude = None
    if sent.excludedActions:
        offered = {action.id for action in actions}
        exclude = [name for name in sent.excludedActions if name in offered]
    return DecideRequest(
        context=context_as_declared(context, spec),
        decision_id=sent.eventId,
        actions=actions,
        exclude=exclude or None,
        defer=bool(sent.deferActivation),
    )


def answer_of(event: Decision, request: DecideRequest) -> RankAnswer:
    """The ranking: from the policy that decided, or from what an apprentice would have done."""
    assert request.actions is not None
    watched = None if event.shadow is None else read_shadow(event.shadow)
    would = None if watched is None or not watched.is_apprentice else watched.probabilities
    pmf = event.probabilities() if would is None else would
    ids = [action.id for action in request.actions]
    mask = event.mask
    if mask is None:
        order = sorted(range(len(ids)), key=lambda place: -pmf[place])
    else:
        best = iter(sorted((place for place, may in enumerate(mask) if may), key=lambda place: -pmf[place]))
        order = [next(best) if may else place for place, may in enumerate(mask)]
    return RankAnswer([RankedAction(ids[place], pmf[place]) for place in order], event.decision_id, ids[event.action[0]])


def _read(text: bytes) -> tuple[list[CandidateAction], tuple[Fault, ...]]:
    faults: list[Fault] = []
    try:
        return actions_of(text, faults), tuple(faults)
    except msgspec.MsgspecError:
        return [], (Fault("$.actions", "Actions should be a list of objects."),)


_remembered = lru_cache(maxsize=_MAX_REMEMBERED)(_read)
