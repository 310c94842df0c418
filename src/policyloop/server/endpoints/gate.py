"""The gate: where a loop's challenge stands, and a person's word on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid
from policyloop.ingest.payload import read
from policyloop.run import log_check
from policyloop.run.challenges import challenging, gate_state
from policyloop.run.challenges.gate_state import GateState, MoveView
from policyloop.run.episodes import challenging as episode_challenging
from policyloop.server.service import Service

_encode = msgspec.json.Encoder().encode


class Moves(msgspec.Struct, frozen=True, kw_only=True):
    """Every move of the loop's challenges, newest first."""

    moves: list[MoveView]


class ChallengeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let another recipe challenge the one that serves; in a loop with episodes a published model."""

    recipe: dict[str, Any] | None = None  # what is to differ: learner, explore, reward, context
    model: str | None = None  # its digest, or the start of it; one of the two is given
    why: str = "asked for over HTTP"  # kept with the challenge


class WordRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's word."""

    why: str = "asked for over HTTP"  # kept in the record


async def show_gate(service: Service, call: Call) -> Reply:
    """Where things stand, as the last look found it."""
    return Reply(200, _encode(await asyncio.to_thread(_state, service, call)))


async def list_moves(service: Service, call: Call) -> Reply:
    """Every change of state, with its verdict in words."""

    def found() -> Moves:
        return Moves(moves=gate_state.history(service.deployment, _loop(service, call)))

    return Reply(200, _encode(await asyncio.to_thread(found)))


async def challenge(service: Service, call: Call) -> Reply:
    """Begin a challenge; the worker trains its first model next."""
    request = read(call.body, ChallengeRequest)

    if (request.recipe is None) == (request.model is None):
        raise Invalid([Fault("$", "names a recipe and a model, or neither; expected one of `recipe` and `model`.")])

    def begun(loop: str) -> object:
        if request.model is not None:
            return episode_challenging.begin(service.deployment, loop, request.model, why=request.why)
        assert request.recipe is not None
        return challenging.begin(service.deployment, loop, request.recipe, why=request.why)

    return await _changed(service, call, begun, status=202)


async def freeze(service: Service, call: Call) -> Reply:
    """Promote nothing until it is unfrozen."""
    request = read(call.body, WordRequest)
    return await _changed(service, call, lambda loop: service.registry.freeze(loop, why=request.why))


async def unfreeze(service: Service, call: Call) -> Reply:
    """Allow promotions again; the log check begins anew."""
    request = read(call.body, WordRequest)

    def changed(loop: str) -> None:
        log_check.begin_again(service.deployment, loop)  # first: a look in between would freeze it again
        service.registry.unfreeze(loop, why=request.why)

    return await _changed(service, call, changed)


async def advise(service: Service, call: Call) -> Reply:
    """Let the challenger of episodes give its advice."""
    request = read(call.body, WordRequest)
    return await _changed(service, call, lambda loop: service.registry.challenges.advise(loop, why=request.why))


async def approve(service: Service, call: Call) -> Reply:
    """Agree to the proven challenger that waits."""
    request = read(call.body, WordRequest)
    return await _changed(service, call, lambda loop: service.registry.challenges.approve(loop, why=request.why))


async def retire(service: Service, call: Call) -> Reply:
    """End the challenge that goes on."""
    request = read(call.body, WordRequest)
    return await _changed(service, call, lambda loop: service.registry.challenges.retire(loop, why=request.why))


async def _changed(service: Service, call: Call, change: Callable[[str], object], *, status: int = 200) -> Reply:
    def made() -> GateState:
        change(_loop(service, call))
        return _state(service, call)

    return Reply(status, _encode(await asyncio.to_thread(made)))


def _state(service: Service, call: Call) -> GateState:
    return gate_state.gate_state(service.deployment, _loop(service, call))


def _loop(service: Service, call: Call) -> str:
    """The loop's own name, also when an alias came in."""
    call.loop = service.registry.standing(call.params["loop"]).spec.loop
    return call.loop


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/gate",
        scope="read",
        handler=show_gate,
        summary="Where the loop's challenge stands, what it waits for, and what speaks for and against it.",
        answer=GateState,
        errors=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/gate/moves",
        scope="read",
        handler=list_moves,
        summary="Every move of the loop's challenges, newest first, each with why.",
        answer=Moves,
        errors=(404,),
    ),
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/challenges",
        scope="operate",
        handler=challenge,
        summary="Let another recipe challenge the one that serves: it goes live only when it is proven better.",
        request=ChallengeRequest,
        answer=GateState,
        status=202,
        errors=(404, 409),
    ),
    *(
        Endpoint(
            method="POST",
            path=f"/v1/loops/{{loop}}/gate/{name}",
            scope="operate",
            handler=handler,
            summary=summary,
            request=WordRequest,
            answer=GateState,
            errors=(404, 409),
        )
        for name, handler, summary in (
            ("freeze", freeze, "Promote nothing until it is unfrozen; what is live stays live."),
            ("unfreeze", unfreeze, "Allow promotions again; the log check begins anew, with the decisions from now on."),
            ("advise", advise, "Show what the challenger of episodes would do beside each decision; a person goes on acting."),
            ("approve", approve, "Agree to the proven challenger that waits for a person."),
            ("retire", retire, "End the challenge that goes on; the champion decides alone again."),
        )
    ),
)
