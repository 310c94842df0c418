"""Track: decisions, outcomes and activations of any loops in one body, each taken or refused by itself; one fsync for all."""

from __future__ import annotations

import msgspec

from policyloop.core.endpoint import JSON, NDJSON, Call, Endpoint, Reply
from policyloop.core.errors import LogUnavailable
from policyloop.core.wire import TrackAnswer, TrackedRow
from policyloop.ingest.payload import read_rows
from policyloop.ingest.track import track
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


async def track_rows(service: Service, call: Call) -> Reply:
    """Append what is fit to be taken, wait until it is durable, and tell what became of each row."""
    tracked = track(
        read_rows(call.body),
        service.checks(),
        received_at=service.clock.now_us(),
        recent=service.intake.recent,
        now_s=service.clock.monotonic_s(),
    )
    try:
        await service.intake.append([pair for one in tracked for pair in one.to_append()])
    except LogUnavailable:
        for checks in service.checks().values():
            checks.candidates.forget_logged()
        raise
    results = [one.result for one in tracked]
    call.ids = tuple(result.id for result in results if result.id is not None)
    for result in results:
        service.numbers.tracked.add((result.status,))
    return Reply(200, _encode(TrackAnswer(results=results)))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/track",
        scope="report",
        handler=track_rows,
        summary="Hand in rows of any kind and loop, as an array or NDJSON: a result per row, once what was taken is durable.",
        request=list[TrackedRow],
        answer=TrackAnswer,
        content_types=(JSON, NDJSON),
        errors=(503,),
    ),
)
