"""Health: is the process alive, and may it be sent requests?"""

from __future__ import annotations

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.server.problem import RETRY_AFTER_S
from policyloop.server.service import Service


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The process answers."""

    status: str


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether this process takes decisions and reports, and if not, why."""

    ready: bool
    reasons: list[str]


async def livez(service: Service, call: Call) -> Reply:
    """Answer, which says it all."""
    return Reply(200, msgspec.json.encode(Alive(status="alive")))


async def readyz(service: Service, call: Call) -> Reply:
    """200 when requests are welcome; 503 while the log cannot be written or the process is about to end."""
    reasons = service.reasons_not_to_call()
    body = msgspec.json.encode(Ready(ready=not reasons, reasons=reasons))
    if not reasons:
        return Reply(200, body)
    return Reply(503, body, headers=((b"retry-after", b"%d" % RETRY_AFTER_S),))


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/livez",
        scope="public",
        handler=livez,
        summary="Whether the process is alive.",
        answer=Alive,
    ),
    Endpoint(
        method="GET",
        path="/readyz",
        scope="public",
        handler=readyz,
        summary="Whether the process takes decisions and reports: 503 while the log cannot be written or it is about to end.",
        answer=Ready,
        errors=(503,),
    ),
)
