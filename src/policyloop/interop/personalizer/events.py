"""Rank, reward and activate: the three calls of every client, on the loop behind the endpoint."""

from __future__ import annotations

import asyncio

import msgspec

from policyloop.core.endpoint import Call, Reply
from policyloop.core.wire import ActivateRequest, OutcomeRequest
from policyloop.ingest.outcomes import activation, outcome
from policyloop.ingest.payload import read
from policyloop.interop.personalizer import service_configuration
from policyloop.interop.personalizer.fit import check_fit, outcome_of
from policyloop.interop.personalizer.ranking import answer_of, request_of
from policyloop.interop.personalizer.refusals import MEDIA_TYPE, Refused
from policyloop.interop.personalizer.server import Server
from policyloop.interop.personalizer.service_configuration import KeptConfiguration
from policyloop.interop.personalizer.wire import RewardRequest
from policyloop.serve.decider import Acting

_ACTING: dict[str, Acting] = {"Online": "policy", "Apprentice": "apprentice", "LoggingOnly": "nobody"}
_encode = msgspec.json.Encoder().encode


async def rank(server: Server, call: Call) -> Reply:
    """Decide among the actions that were sent; answered when the decision is durable."""
    decider = server.decider(call)
    spec = decider.live.spec
    check_fit(spec)
    request = request_of(call.body, spec)
    kept = _kept(server, spec.loop)
    decided = await server.decide(decider, request, acting="policy" if kept is None else _ACTING[kept.learningMode])
    call.ids = (decided.answer.decision_id,)
    server.numbers.decided(call.loop, decided.answer)
    return Reply(201, _encode(answer_of(decided.event, request)), MEDIA_TYPE)


async def reward(server: Server, call: Call) -> Reply:
    """Take a reward; answered when it is durable, also for an event that is not known."""
    checks = server.decider(call).checks
    check_fit(checks.spec)
    sent = read(call.body, RewardRequest)
    name = outcome_of(checks.spec)
    assert name is not None, checks.spec.loop
    request = OutcomeRequest(decision_id=call.params["eventId"], outcomes={name: sent.value})
    event = outcome(request, checks, received_at=server.clock.now_us()).event
    await _check_known(server, call)
    taken = await server.intake.take([event])
    return _reported(server, call, taken.n_new, taken.n_duplicates)


async def activate(server: Server, call: Call) -> Reply:
    """Let a deferred event count; answered when that is durable, also for an event that is not known."""
    checks = server.decider(call).checks
    check_fit(checks.spec)
    request = ActivateRequest(decision_id=call.params["eventId"])
    event = activation(request, checks, received_at=server.clock.now_us())
    await _check_known(server, call)
    taken = await server.intake.take([event])
    return _reported(server, call, taken.n_new, taken.n_duplicates)


async def multi_slot(server: Server, call: Call) -> Reply:
    """Refuse, as the service did where an endpoint was not set up for several slots."""
    check_fit(server.decider(call).checks.spec)
    raise Refused("InvalidMultiSlotApiAccess", "Multi-slot is not supported by this loop: it decides for one slot at a time.")


async def local_log(server: Server, call: Call) -> Reply:
    """Refuse the log of a library that decides in the client's process."""
    check_fit(server.decider(call).checks.spec)
    message = (
        "Events of local inference are not taken here; rank at the endpoint, or decide at the edge with policyloop.Decider."
    )
    raise Refused("InvalidApiAccess", message, status=403)


async def _check_known(server: Server, call: Call) -> None:
    """Where the endpoint was asked to, refuse what belongs to no event; else it is taken, and waits for its event."""
    kept = _kept(server, call.loop)
    event_id = call.params["eventId"]
    if kept is None or not kept.refuseUnknownEvents:
        return
    if not await asyncio.to_thread(server.upkeep.is_known, call.loop, event_id):
        raise Refused("ResourceNotFound", f"loop '{call.loop}' has no event '{event_id[:80]}'.", status=404)


def _kept(server: Server, loop: str) -> KeptConfiguration | None:
    return server.kept.remembered(loop, service_configuration.KIND, service_configuration.NAME, KeptConfiguration)


def _reported(server: Server, call: Call, n_new: int, n_duplicates: int) -> Reply:
    call.ids = (call.params["eventId"],)
    server.numbers.reported(call.loop, n_accepted=n_new, n_duplicates=n_duplicates, n_warnings=0)
    return Reply(204, b"")
