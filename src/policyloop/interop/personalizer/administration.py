"""The administration of an endpoint: configurations, model and logs, on the loop behind it.

Everything here looks into the records or the tables, so it runs beside the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from policyloop.core.clock import from_iso, iso
from policyloop.core.endpoint import Call, Reply
from policyloop.core.errors import BadModel, Fault, Invalid, NothingToDo, PolicyloopError, SpecRefused
from policyloop.core.loop import LoopSpec
from policyloop.ingest.payload import read
from policyloop.interop.personalizer import learning_settings, model_file, service_configuration
from policyloop.interop.personalizer.fit import check_fit
from policyloop.interop.personalizer.refusals import MEDIA_TYPE, Misfit, Refused
from policyloop.interop.personalizer.server import Server
from policyloop.interop.personalizer.service_configuration import KeptConfiguration
from policyloop.interop.personalizer.wire import (
    DateRange,
    LogProperties,
    ModelProperties,
    PolicyContract,
    ServiceConfiguration,
)
from policyloop.registry.registry import Standing

ASKED_BY = "asked for over the Personalizer endpoint"
OCTETS = b"application/octet-stream"
_MAX_QUERY_BYTES = 4096
T = TypeVar("T")
_encode = msgspec.json.Encoder().encode


async def get_service(server: Server, call: Call) -> Reply:
    """The service configuration."""
    return await _answered(server, call, lambda standing: _configuration(server, call, standing))


async def put_service(server: Server, call: Call) -> Reply:
    """Make a service configuration hold: a change of the loop's spec, and what that has no place for is kept."""
    sent = read(call.body, ServiceConfiguration)

    def put(standing: Standing) -> ServiceConfiguration:
        now = iso(server.clock.now_us())
        spec, kept = service_configuration.changed(standing.spec, _kept(server, standing), sent, now=now)
        _apply(server, spec, code=service_configuration.INVALID)
        server.kept.put(call.loop, service_configuration.KIND, service_configuration.NAME, kept)
        return _configuration(server, call, server.registry.standing(call.loop))

    return await _answered(server, call, put)


async def get_policy(server: Server, call: Call) -> Reply:
    """The learning settings."""
    return await _answered(server, call, lambda standing: _settings(server, standing))


async def put_policy(server: Server, call: Call) -> Reply:
    """Keep learning settings; where the loop's learner is vw, they are its arguments."""
    sent = learning_settings.checked(read(call.body, PolicyContract))

    def put(standing: Standing) -> PolicyContract:
        _apply(server, learning_settings.applied(standing.spec, sent), code="InvalidPolicyConfiguration")
        server.kept.put(call.loop, learning_settings.KIND, learning_settings.NAME, sent)
        return _settings(server, server.registry.standing(call.loop))

    return await _answered(server, call, put)


async def reset_policy(server: Server, call: Call) -> Reply:
    """Back to the default learning settings."""

    def reset(standing: Standing) -> PolicyContract:
        default = learning_settings.applied(standing.spec, learning_settings.DEFAULT)
        _apply(server, default, code="InvalidPolicyConfiguration")
        server.kept.remove(call.loop, learning_settings.KIND, learning_settings.NAME)
        return _settings(server, server.registry.standing(call.loop))

    return await _answered(server, call, reset)


async def get_model(server: Server, call: Call) -> Reply:
    """The live model as one file; with `?signed=true` one that can be brought back."""
    is_signed = dict(parse_qsl(call.query[:_MAX_QUERY_BYTES].decode("latin-1"))).get("signed", "").lower() == "true"

    def exported(standing: Standing) -> bytes:
        if standing.champion is None:
            message = f"loop '{call.loop}' has no model yet: the baseline decides."
            raise Refused("ResourceNotFound", message, status=404)
        stored = server.registry.load(call.loop, standing.champion)
        return model_file.packed(stored.manifest, stored.tensors, salt=server.registry.salt if is_signed else None)

    return Reply(200, await beside(server, call, exported), OCTETS)


async def put_model(server: Server, call: Call) -> Reply:
    """Bring a model that was exported, and let it decide."""

    def imported(standing: Standing) -> None:
        manifest, tensors = model_file.opened(call.body, salt=server.registry.salt)
        if manifest.loop != call.loop:
            raise Refused("InvalidModelMetadata", f"the model is one of loop '{manifest.loop}'; expected '{call.loop}'.")
        try:
            model = server.registry.publish(manifest, tensors)
            server.registry.load(call.loop, model).policy()
        except (BadModel, LookupError) as error:
            message = error.message if isinstance(error, PolicyloopError) else str(error)
            raise Refused("InvalidModelMetadata", message) from None
        if model != standing.champion:
            server.registry.promote_by_person(call.loop, model, why=ASKED_BY)

    await beside(server, call, imported)
    return Reply(204, b"")


async def reset_model(server: Server, call: Call) -> Reply:
    """Let the baseline decide until a new model goes live."""

    def reset(standing: Standing) -> None:
        try:
            server.registry.reset_by_person(call.loop, why=ASKED_BY)
        except NothingToDo:
            return  # it decides already

    await beside(server, call, reset)
    return Reply(204, b"")


async def get_model_properties(server: Server, call: Call) -> Reply:
    """When the live model was made, and since when it decides."""

    def properties(standing: Standing) -> ModelProperties:
        if standing.champion is None:
            return ModelProperties()
        made = server.registry.find(call.loop, standing.champion).created_at
        since = server.registry.champion_since(call.loop) or made
        return ModelProperties(creationTime=iso(made), lastModifiedTime=iso(since))

    return await _answered(server, call, properties)


async def get_log_properties(server: Server, call: Call) -> Reply:
    """Of which time there are events in the tables."""

    def properties(standing: Standing) -> LogProperties:
        dates = server.upkeep.log_dates(call.loop)
        if dates is None:
            message = f"loop '{call.loop}' has no events in its tables yet."
            raise Refused("LogsPropertiesNotFound", message, status=404)
        return LogProperties(DateRange(iso(dates[0]), iso(dates[1])))

    return await _answered(server, call, properties)


async def delete_logs(server: Server, call: Call) -> Reply:
    """Have everything taken out that was received so far."""
    await beside(server, call, lambda standing: server.upkeep.clear_events(call.loop))
    return Reply(204, b"")


async def beside(server: Server, call: Call, function: Callable[[Standing], T]) -> T:
    """Call a function with the loop's standing, in a thread; the call notes the loop's own name."""

    def called() -> T:
        standing = server.registry.standing(call.params["loop"])
        check_fit(standing.spec)
        call.loop = standing.spec.loop
        return function(standing)

    return await asyncio.to_thread(called)


async def _answered(server: Server, call: Call, function: Callable[[Standing], Any]) -> Reply:
    return Reply(200, _encode(await beside(server, call, function)), MEDIA_TYPE)


def _configuration(server: Server, call: Call, standing: Standing) -> ServiceConfiguration:
    kept = _kept(server, standing)
    is_newest = "version" not in call.params
    told = service_configuration.shown(standing.spec, kept, is_newest=is_newest)
    if not is_newest or kept.watching_since is None:
        return told
    hours = server.upkeep.imitation(call.loop, since=from_iso(kept.watching_since))
    metrics = service_configuration.metrics_of(kept.watching_since, hours)
    return msgspec.structs.replace(told, latestApprenticeModeMetrics=metrics)


def _kept(server: Server, standing: Standing) -> KeptConfiguration:
    found = server.kept.find(standing.spec.loop, service_configuration.KIND, service_configuration.NAME, KeptConfiguration)
    return found or KeptConfiguration()


def _settings(server: Server, standing: Standing) -> PolicyContract:
    kept = server.kept.find(standing.spec.loop, learning_settings.KIND, learning_settings.NAME, PolicyContract)
    return learning_settings.shown(kept, standing.spec)


def _apply(server: Server, spec: LoopSpec, *, code: str) -> None:
    """Make a changed spec hold; what cannot be has the code, and the way out."""
    try:
        server.upkeep.apply(spec)
    except SpecRefused as error:
        message = f"{error.message} Or reset the model first: the baseline decides until the next one is learned."
        raise Misfit(code, [Fault(error.where or "$", message, error.code)]) from None
    except Invalid as error:
        raise Misfit(code, error.faults) from None
