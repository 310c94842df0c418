"""Action sets: candidates that are offered again and again are registered once, and named in each decision."""

from __future__ import annotations

import asyncio

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import RegisterActionsAnswer, RegisterActionsRequest
from policyloop.ingest.payload import read
from policyloop.registry import action_set_rows
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


async def register(service: Service, call: Call) -> Reply:
    """Check the set, write it down, and answer its name."""
    checks = service.decider(call).checks
    request = read(call.body, RegisterActionsRequest)
    faults: list[Fault] = []
    if not checks.spec.is_candidates:
        faults.append(Fault("$.actions", "are sent, but this loop's actions are the labels of its spec; expected none."))
        raise Invalid(faults, subject="the request")
    found = checks.candidates.check(request.actions, faults, where="$.actions")
    if found is None:
        raise Invalid(faults, subject="the request")
    now_us = service.clock.now_us()
    await asyncio.to_thread(
        action_set_rows.register, service.records, checks.spec.loop, found.digest, request.actions, now_us=now_us
    )
    return Reply(201, _encode(RegisterActionsAnswer(action_set=found.digest, n=len(found))))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/action-sets",
        scope="decide",
        handler=register,
        summary="Register candidates ahead; decide takes the name that is answered as action_set.",
        request=RegisterActionsRequest,
        answer=RegisterActionsAnswer,
        status=201,
        errors=(404,),
    ),
)
