"""Metrics: the numbers of all workers as Prometheus text."""

from __future__ import annotations

import asyncio

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.server.metrics import TEXT, as_text
from policyloop.server.service import Service


async def metrics(service: Service, call: Call) -> Reply:
    """This worker's numbers as they are, those of the others as they last wrote them."""
    mine = service.metrics.families()
    others = await asyncio.to_thread(service.metrics.of_others, now_us=service.clock.now_us())
    return Reply(200, as_text([*mine, *others]), TEXT)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/metrics",
        scope="read",
        handler=metrics,
        summary="Counters, durations and states of all workers, for Prometheus.",
        answer=bytes,
        media_type=TEXT,
    ),
)
