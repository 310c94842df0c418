"""Activate: a deferred decision took effect. Saying it again changes nothing."""

from __future__ import annotations

from functools import partial

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.wire import ActivateRequest, OutcomesAnswer
from policyloop.ingest.outcomes import activation
from policyloop.ingest.payload import read
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


async def activate(service: Service, call: Call) -> Reply:
    """Log the activation, wait until it is durable, answer."""
    event_of = partial(activation, checks=service.decider(call).checks, received_at=service.clock.now_us())
    event = event_of(read(call.body, ActivateRequest, check=event_of))
    taken = await service.intake.take([event])
    call.ids = (event.decision_id,)
    service.numbers.reported(call.loop, n_accepted=taken.n_new, n_duplicates=taken.n_duplicates, n_warnings=0)
    return Reply(202, _encode(OutcomesAnswer(accepted=taken.n_new, duplicates=taken.n_duplicates, warnings=[])))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/activate",
        scope="report",
        handler=activate,
        summary="Say that a deferred decision took effect. Answered when that is durable; saying it again changes nothing.",
        request=ActivateRequest,
        answer=OutcomesAnswer,
        status=202,
        errors=(404, 503),
    ),
)
