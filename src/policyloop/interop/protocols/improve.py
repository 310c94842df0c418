"""The track call of the Improve client SDKs: decisions with one sampled candidate, and rewards of any delay.

Question answered: what does an app that speaks this protocol send, and what does it hear? One JSON object per request;
`model` is a loop's name or alias; 200 once the event is durable, 400 with a message for whatever is wrong with it.
The decision's propensity was not logged; it stays unknown, so that no gate takes it for true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from policyloop.core.clock import Clock
from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid, LogUnavailable, PolicyloopError, UnknownLoop
from policyloop.core.event import Logged
from policyloop.ingest.checks import Checks
from policyloop.ingest.outcomes import fingerprint
from policyloop.ingest.recent import Recent
from policyloop.interop.improve_events import event_of
from policyloop.interop.improve_record import ImproveRecord, read_record

MAX_BODY_BYTES = 1000 * 2**10 - 1
_encode = msgspec.json.Encoder().encode


class Success(msgspec.Struct, frozen=True):
    """The record is durable."""

    status: str = "success"


class Message(msgspec.Struct, frozen=True):
    """What is wrong, in words."""

    message: str


class Refusal(msgspec.Struct, frozen=True):
    """The record was not taken."""

    error: Message


class Intake(Protocol):
    """The way into the log."""

    recent: Recent[bool]  # fingerprints of events that are durable

    async def append(self, events: Sequence[tuple[Logged, bytes | None]]) -> None:
        """Append records with their fingerprints, and return when all are durable."""
        ...


class Server(Protocol):
    """What this protocol needs of the server."""

    clock: Clock
    intake: Intake

    def checks(self) -> Mapping[str, Checks]:
        """What payloads are held against, by loop and by alias."""
        ...


async def track(service: Server, call: Call) -> Reply:
    """Take one decision or reward, and answer when it is durable."""
    now_us = service.clock.now_us()
    record = read_record(call.body, now_us=now_us)
    loops = service.checks()
    if record.model not in loops:
        # No names are suggested: pages of any origin may ask here.
        message = f"is '{record.model}'; expected the name of a loop, or one of its aliases."
        raise Invalid([Fault("$.model", message, UnknownLoop.code)])
    checks = loops[record.model]
    call.loop, call.ids = checks.spec.loop, (record.message_id,)
    event, action_set = event_of(record, checks, received_at=now_us)
    before: list[tuple[Logged, None]] = [] if action_set is None else [(action_set, None)]
    key = fingerprint(event)
    if not service.intake.recent.get(key, now_s=service.clock.monotonic_s()):
        try:
            await service.intake.append([*before, (event, key)])
        except LogUnavailable:
            checks.candidates.forget_logged()
            raise
    return Reply(200, _encode(Success()))


def refuse(error: PolicyloopError) -> Reply:
    """An error as this protocol says it: 400 for all that is the client's, else our own status, such as 503."""
    return Reply(error.status if error.status >= 500 else 400, _encode(Refusal(Message(error.message))))


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/compat/improve/track",
        scope="report",
        handler=track,
        summary="Take a decision or reward of an Improve client; answered when it is durable.",
        request=ImproveRecord,
        answer=Success,
        errors=(400, 503),
        any_content_type=True,
        cors=True,
        cors_headers=(b"content-type", b"x-api-key"),
        max_body_bytes=MAX_BODY_BYTES,
        refuse=refuse,
        error=Refusal,
    ),
)
