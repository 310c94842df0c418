"""Loops: what is applied, who decides in each, and the switch that lets the baseline decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from policyloop.core.clock import iso
from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.join.hour_states import n_examples
from policyloop.lake.watermark import read_watermark
from policyloop.run import jobs
from policyloop.server.service import Service
from policyloop.server.views import LoopView, StatusView, job_view, loop_view, verdict_view

_encode = msgspec.json.Encoder().encode


class Loops(msgspec.Struct, frozen=True, kw_only=True):
    """All loops."""

    loops: list[LoopView]


async def list_loops(service: Service, call: Call) -> Reply:
    """All loops, by name."""

    def found() -> Loops:
        standings = service.registry.standings()
        return Loops(loops=[loop_view(s, serving=service.serving(name)) for name, s in standings.items()])

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def show_loop(service: Service, call: Call) -> Reply:
    """One loop with its numbers."""
    status = await asyncio.to_thread(_status, service, call.params["loop"])
    call.loop = status.loop.loop
    return Reply(200, _encode(status))


async def pause(service: Service, call: Call) -> Reply:
    """Let the baseline decide."""
    return await _switch(service, call, service.registry.pause)


async def resume(service: Service, call: Call) -> Reply:
    """Let the champion decide again."""
    return await _switch(service, call, service.registry.resume)


async def _switch(service: Service, call: Call, change: Callable[[str], object]) -> Reply:
    def changed() -> LoopView:
        loop = service.registry.standing(call.params["loop"]).spec.loop
        change(loop)
        return loop_view(service.registry.standing(loop), serving=service.serving(loop))

    view = await asyncio.to_thread(changed)
    call.loop = view.loop
    return Reply(200, _encode(view))


def _status(service: Service, name: str) -> StatusView:
    standing = service.registry.standing(name)
    loop = standing.spec.loop
    models = {row.model: row for row in service.registry.models(loop)}
    champion = models.get(standing.champion or "")
    since = service.registry.champion_since(loop)
    verdicts = service.registry.verdicts(loop, limit=1)
    last_job = jobs.last(service.records, loop)
    watermark = read_watermark(service.records)
    return StatusView(
        loop=loop_view(standing, serving=service.serving(loop)),
        n_examples=n_examples(service.records, loop),
        n_models=len(models),
        examples_in_champion=None if champion is None else champion.n_examples,
        champion_since=None if since is None else iso(since),
        last_job=None if last_job is None else job_view(last_job),
        last_verdict=verdict_view(verdicts[0]) if verdicts else None,
        watermark=iso(watermark) if watermark else None,
    )


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/loops",
        scope="read",
        handler=list_loops,
        summary="All loops, and what decides in each.",
        answer=Loops,
    ),
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}",
        scope="read",
        handler=show_loop,
        summary="One loop: champion and its age, last job, last verdict, and up to when the tables are complete.",
        answer=StatusView,
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/pause",
        scope="operate",
        handler=pause,
        summary="Let the baseline decide, on every worker within a second. Decisions are logged as before.",
        answer=LoopView,
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/resume",
        scope="operate",
        handler=resume,
        summary="Let the champion decide again.",
        answer=LoopView,
        errors=(404,),
    ),
)
