"""Jobs: what was, is and will be trained; and a person's wish to train now."""

from __future__ import annotations

import asyncio

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import NothingToDo
from policyloop.ingest.payload import read
from policyloop.join.hour_states import n_settled
from policyloop.run import jobs
from policyloop.server.query import parameters
from policyloop.server.service import Service
from policyloop.server.views import JobView, job_view

_encode = msgspec.json.Encoder().encode


class Jobs(msgspec.Struct, frozen=True, kw_only=True):
    """Jobs, newest first."""

    jobs: list[JobView]


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Queue a job now."""

    why: str = "asked for over HTTP"


async def list_jobs(service: Service, call: Call) -> Reply:
    """The newest jobs of all loops, or of one with `?loop=`."""
    asked = parameters(call.query, ("loop",)).get("loop")

    def found() -> Jobs:
        loop = None if asked is None else service.registry.standing(asked).spec.loop
        return Jobs(jobs=[job_view(job) for job in jobs.history(service.records, loop)])

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def run_now(service: Service, call: Call) -> Reply:
    """Queue a training; the worker takes it up when it looks next."""
    request = read(call.body, RunRequest)

    def queued() -> jobs.Job | None:
        spec = service.registry.standing(call.params["loop"]).spec
        call.loop = spec.loop
        n = n_settled(service.records, spec)
        return jobs.queue(service.records, spec.loop, reason=request.why, n_examples=n, now_us=service.clock.now_us())

    job = await asyncio.to_thread(queued)
    if job is None:
        raise NothingToDo(f"a training of loop '{call.loop}' is queued already; GET /v1/jobs?loop={call.loop} shows it.")
    return Reply(202, _encode(job_view(job)))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/jobs",
        scope="read",
        handler=list_jobs,
        summary="What was, is and will be trained, newest first.",
        answer=Jobs,
        query={"loop": "only the jobs of this loop"},
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/jobs",
        scope="operate",
        handler=run_now,
        summary="Queue a training now.",
        request=RunRequest,
        answer=JobView,
        status=202,
        errors=(404, 409),
    ),
)
