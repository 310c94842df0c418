"""Decide: a context goes in, an action comes out, with the probability that it had. Logged before it is answered."""

from __future__ import annotations

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import LogUnavailable
from policyloop.core.wire import DecideAnswer, DecideRequest
from policyloop.ingest.payload import read
from policyloop.serve.decider import Decided, Decider, with_pmf
from policyloop.server.query import flag
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


async def decide(service: Service, call: Call) -> Reply:
    """Decide, wait until the decision is durable, answer."""
    is_pmf_wanted = flag(call.query, "pmf") if call.query else False
    decider = service.decider(call)
    request = read(call.body, DecideRequest, check=decider.check)
    decided: Decided | None = None
    try:
        decided = decider.decide(request)
        await service.log.durable(decided.seq)
    except LogUnavailable as error:
        answer = _answer_unlogged(service, decider, request, decided, error)
    else:
        answer = with_pmf(decided) if is_pmf_wanted else decided.answer
    call.ids = (answer.decision_id,)
    service.numbers.decided(call.loop, answer)
    return Reply(200, _encode(answer))


def _answer_unlogged(
    service: Service, decider: Decider, request: DecideRequest, decided: Decided | None, error: LogUnavailable
) -> DecideAnswer:
    """The baseline's answer, where the loop's spec asks for it; otherwise the error stands."""
    if decided is not None:
        decider.forget(decided.event.decision_id)  # so that a retry is decided and logged anew
    if decider.live.spec.on_log_failure != "serve-baseline":
        raise error
    return decider.decide_unlogged(request)


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/decide",
        scope="decide",
        handler=decide,
        summary="Make one decision. The answer comes when the decision is durable.",
        request=DecideRequest,
        answer=DecideAnswer,
        query={"pmf": "`true` adds the probability of every action"},
        errors=(404, 409, 503),
    ),
)
