"""Models: what has been learned in a loop, which one is live, and a person's word on which should be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.ingest.payload import read
from policyloop.registry.model_rows import ModelRow
from policyloop.server.query import parameters
from policyloop.server.service import Service
from policyloop.server.views import LoopView, ModelDetails, ModelView, VerdictView, loop_view, model_view, verdict_view

_MAX_VERDICTS = 100
_encode = msgspec.json.Encoder().encode


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a loop, oldest first."""

    models: list[ModelView]


class Champion(msgspec.Struct, frozen=True, kw_only=True):
    """The model that serves."""

    champion: ModelView | None  # None: the baseline


class Verdicts(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided about the models of a loop, newest first."""

    verdicts: list[VerdictView]


class PromoteRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a model champion."""

    model: str  # its digest, or the start of it, at least 4 characters
    why: str = "asked for over HTTP"  # kept in the record


class RollbackRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make the previous model champion again."""

    why: str = "asked for over HTTP"  # kept in the record


async def list_models(service: Service, call: Call) -> Reply:
    """All models of the loop."""

    def found() -> Models:
        return Models(models=[model_view(row) for row in service.registry.models(_loop(service, call))])

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def show_model(service: Service, call: Call) -> Reply:
    """One model, how it was made, and what was said of it."""

    def found() -> ModelDetails:
        row = _model(service, call, call.params["model"])
        verdicts = service.registry.verdicts(row.loop, model=row.model, limit=_MAX_VERDICTS)
        manifest = service.registry.load(row.loop, row.model).manifest
        return ModelDetails(model=model_view(row), manifest=manifest, verdicts=[verdict_view(v) for v in verdicts])

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def show_champion(service: Service, call: Call) -> Reply:
    """The model that serves."""

    def found() -> Champion:
        loop = _loop(service, call)
        champion = service.registry.standing(loop).champion
        return Champion(champion=None if champion is None else model_view(service.registry.find(loop, champion)))

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def list_verdicts(service: Service, call: Call) -> Reply:
    """What was decided about the loop's models; of one model with `?model=`."""
    asked = parameters(call.query, ("model",)).get("model")

    def found() -> Verdicts:
        loop = _loop(service, call)
        model = None if asked is None else service.registry.find(loop, asked).model
        rows = service.registry.verdicts(loop, model=model, limit=_MAX_VERDICTS)
        return Verdicts(verdicts=[verdict_view(row) for row in rows])

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def promote(service: Service, call: Call) -> Reply:
    """Make a model champion, as a person's decision; hard refusals of the registry stand."""
    request = read(call.body, PromoteRequest)

    def changed(loop: str) -> object:
        row = _model(service, call, request.model)
        return service.registry.promote_by_person(loop, row.model, why=request.why)

    return await _changed(service, call, changed)


async def rollback(service: Service, call: Call) -> Reply:
    """Make the previous model champion again."""
    request = read(call.body, RollbackRequest)
    return await _changed(service, call, lambda loop: service.registry.roll_back_by_person(loop, why=request.why))


async def _changed(service: Service, call: Call, change: Callable[[str], object]) -> Reply:
    def made() -> LoopView:
        loop = _loop(service, call)
        change(loop)
        return loop_view(service.registry.standing(loop), serving=service.serving(loop))

    return Reply(200, _encode(await asyncio.to_thread(made)))


def _loop(service: Service, call: Call) -> str:
    """The loop's own name, also when an alias came in."""
    call.loop = service.registry.standing(call.params["loop"]).spec.loop
    return call.loop


def _model(service: Service, call: Call, name: str) -> ModelRow:
    return service.registry.find(_loop(service, call), name)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/models",
        scope="read",
        handler=list_models,
        summary="The models of a loop, oldest first.",
        answer=Models,
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/models/{model}/details",
        scope="read",
        handler=show_model,
        summary="One model, named by its digest or the start of it, or as champion, previous or anchor; with its verdicts.",
        answer=ModelDetails,
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/champion",
        scope="read",
        handler=show_champion,
        summary="The model that serves, or null while the baseline decides.",
        answer=Champion,
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/verdicts",
        scope="read",
        handler=list_verdicts,
        summary="What was decided about the models of a loop, newest first, with a reason per rule.",
        answer=Verdicts,
        query={"model": "a model's digest or the start of it: only verdicts about this one"},
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/promote",
        scope="operate",
        handler=promote,
        summary="Make a model champion, as a person's decision. Every worker serves it within a second.",
        request=PromoteRequest,
        answer=LoopView,
        errors=(404, 409),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/rollback",
        scope="operate",
        handler=rollback,
        summary="Make the previous model champion again, or the baseline, in one write.",
        request=RollbackRequest,
        answer=LoopView,
        errors=(404, 409),
    ),
)
