"""A line of the protocol: one path and verb, made into a row of the endpoint table for each style that has it.

Question answered: which version was asked for, how do errors look there, and which headers do the clients wait for?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from policyloop.core.endpoint import JSON, Call, Endpoint, Handler, Method, Reply, Scope
from policyloop.core.errors import PolicyloopError
from policyloop.interop.personalizer.refusals import BAD_REQUEST, MEDIA_TYPE, ErrorAnswer, Refused, refuse

OLDER_VERSIONS = ("v1.0", "v1.1-preview.1", "v1.1-preview.2", "v1.1-preview.3")
UNNAMED = "personalizer"  # the name or alias of the loop that answers where the path names none
_CLIENTS_ID = b"x-ms-client-request-id"
_MAX_HEADER_BYTES = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One path and verb of the protocol."""

    method: Method
    path: str  # below the base of its style
    handler: Handler
    scope: Scope
    summary: str
    answer: Any = None
    request: Any = None
    status: int = 200
    invalid: str = BAD_REQUEST  # the code of a request that does not fit
    media_type: bytes = MEDIA_TYPE
    content_types: tuple[bytes, ...] = (JSON,)
    max_body_bytes: int | None = None


def rows(base: str, lines: Sequence[Line]) -> tuple[Endpoint, ...]:
    """The lines below one base."""
    return tuple(
        Endpoint(
            method=line.method,
            path=base + line.path,
            scope=line.scope,
            handler=_in_style(line),
            summary=line.summary,
            request=line.request,
            answer=line.answer,
            status=line.status,
            errors=(400, 403, 404, 409, 503),
            media_type=line.media_type,
            content_types=line.content_types,
            any_content_type=not line.content_types,
            max_body_bytes=line.max_body_bytes,
            refuse=lambda error, invalid=line.invalid: refuse(error, invalid=invalid),  # type: ignore[misc]
            error=ErrorAnswer,
        )
        for line in lines
    )


def _in_style(line: Line) -> Handler:
    """The handler, with errors and headers as the clients of the path's style expect them."""

    async def handler(server: Any, call: Call) -> Reply:
        try:
            _check_version(call)
            if "loop" not in call.params:
                call.params = {**call.params, "loop": UNNAMED}
            reply = await line.handler(server, call)
            reply.headers += _original_address(call, line.path)
        except PolicyloopError as error:
            if error.status >= 500:
                raise  # the server tells it to its log, and answers in the same shape
            reply = refuse(error, invalid=line.invalid)
        sent_id = call.headers.get(_CLIENTS_ID, b"")[:_MAX_HEADER_BYTES]
        if sent_id:
            reply.headers += ((_CLIENTS_ID, sent_id),)
        return reply

    return handler


def _check_version(call: Call) -> None:
    version = call.params.get("version")
    if version is not None and version not in OLDER_VERSIONS:
        message = f"there is no version '{version[:40]}' of this API; expected one of {', '.join(OLDER_VERSIONS)}."
        raise Refused("ResourceNotFound", message, status=404)


def _original_address(call: Call, path: str) -> tuple[tuple[bytes, bytes], ...]:
    """For v1.1: its JavaScript client finds the expected status by the path below the service's own base."""
    if not call.params.get("version", "").startswith("v1.1"):
        return ()
    parts = [quote(call.params[part[1:-1]], safe="") if part.startswith("{") else part for part in path.split("/")]
    return ((b"x-ms-original-url", f"http://localhost{'/'.join(parts)}".encode()),)
