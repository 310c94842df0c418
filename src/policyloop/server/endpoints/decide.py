"""Decide: a context goes in, an action comes out, with the probability that it had. Logged before it is answered."""

from __future__ import annotations

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.wire import DecideAnswer, DecideRequest
from policyloop.ingest.payload import read
from policyloop.serve.answers import with_pmf
from policyloop.server.query import flag
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


async def decide(service: Service, call: Call) -> Reply:
    """Decide, wait until the decision is durable, answer."""
    is_pmf_wanted = flag(call.query, "pmf") if call.query else False
    decider = service.decider(call)
    request = read(call.body, DecideRequest, check=decider.check)
    decided = await service.decide(decider, request)
    answer = decided.answer
    if is_pmf_wanted and answer.logged:
        answer = with_pmf(answer, decided.event, decider.live)
    call.ids = (answer.decision_id,)
    service.numbers.decided(call.loop, answer)
    return Reply(200, _encode(answer))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/decide",
        scope="decide",
        handler=decide,
        summary="Make one decision. The answer comes when the decision is durable.",
        request=DecideRequest,
        answer=DecideAnswer,
        query={"pmf": "`true` adds the probability of every action, or the density of its numbers"},
        errors=(404, 409, 503),
    ),
)
