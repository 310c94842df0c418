"""Outcomes: what came of a decision, one report or many. All of a body is taken and durable, or none of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import OutcomeRequest, OutcomesAnswer
from policyloop.ingest.checks import Checks
from policyloop.ingest.outcomes import Reported, outcome
from policyloop.ingest.payload import is_array, read_outcomes
from policyloop.server.service import Service

MAX_WARNINGS = 100
_AT_A_TIME = 200  # reports checked before other requests get a turn
_encode = msgspec.json.Encoder().encode


async def report(service: Service, call: Call) -> Reply:
    """Check every report, append them all, wait until they are durable, answer."""
    checks = service.decider(call).checks
    requests = read_outcomes(call.body)
    reported = await _checked(requests, checks, service.clock.now_us(), is_array=is_array(call.body))
    taken = await service.intake.take([one.event for one in reported])
    call.ids = tuple(request.decision_id for request in requests)
    warnings = [warning for one in reported for warning in one.warnings]
    service.numbers.reported(call.loop, n_accepted=taken.n_new, n_duplicates=taken.n_duplicates, n_warnings=len(warnings))
    return Reply(
        202, _encode(OutcomesAnswer(accepted=taken.n_new, duplicates=taken.n_duplicates, warnings=warnings[:MAX_WARNINGS]))
    )


async def _checked(requests: Sequence[OutcomeRequest], checks: Checks, received_at: int, *, is_array: bool) -> list[Reported]:
    """The events of all reports, or every fault of all of them."""
    faults: list[Fault] = []
    found: list[Reported] = []
    for index, request in enumerate(requests):
        if index % _AT_A_TIME == _AT_A_TIME - 1:
            await asyncio.sleep(0)
        try:
            found.append(outcome(request, checks, received_at=received_at, where=f"$[{index}]" if is_array else "$"))
        except Invalid as invalid:
            faults.extend(invalid.faults[: MAX_WARNINGS - len(faults)])
    if faults:
        raise Invalid(faults, subject="the body")
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
