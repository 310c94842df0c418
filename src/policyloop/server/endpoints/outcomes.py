"""Outcomes: what came of a decision, one report or many. All of a body is taken and durable, or none of it."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import OutcomeRequest, OutcomesAnswer
from policyloop.ingest.checks import Checks
from policyloop.ingest.outcomes import Reported, outcome
from policyloop.ingest.payload import read, reports_in
from policyloop.server.service import Service

MAX_WARNINGS = 100
_MAX_FAULTS = 100
_AT_A_TIME = 200  # reports checked before other requests get a turn
_encode = msgspec.json.Encoder().encode


async def report(service: Service, call: Call) -> Reply:
    """Check every report, append them all, wait until they are durable, answer."""
    checks = service.decider(call).checks
    reported = await _checked(call.body, checks, service.clock.now_us())
    taken = await service.intake.take([one.event for one in reported])
    call.ids = tuple(one.event.decision_id for one in reported)
    warnings = [warning for one in reported for warning in one.warnings]
    service.numbers.reported(call.loop, n_accepted=taken.n_new, n_duplicates=taken.n_duplicates, n_warnings=len(warnings))
    return Reply(
        202, _encode(OutcomesAnswer(accepted=taken.n_new, duplicates=taken.n_duplicates, warnings=warnings[:MAX_WARNINGS]))
    )


async def _checked(body: bytes, checks: Checks, received_at: int) -> list[Reported]:
    """The events of all reports, or the faults of all of them, up to as many as one reads."""
    faults: list[Fault] = []
    found: list[Reported] = []
    for index, (where, item) in enumerate(reports_in(body)):
        if index % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        event_of = partial(outcome, checks=checks, received_at=received_at, where=where)
        try:
            found.append(event_of(read(item, OutcomeRequest, where=where, check=event_of)))
        except Invalid as invalid:
            faults.extend(invalid.faults)
            if len(faults) >= _MAX_FAULTS:
                break
    if faults:
        raise Invalid(faults[:_MAX_FAULTS], subject="the body")
    return found


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/outcomes",
        scope="report",
        handler=report,
        summary="Report what came of decisions: one report or an array. Answered when all of them are durable.",
        request=OutcomeRequest | list[OutcomeRequest],
        answer=OutcomesAnswer,
        status=202,
        errors=(404, 503),
    ),
)
