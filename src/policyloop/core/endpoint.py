"""An endpoint: one thing that may be asked over HTTP. A row of the one table that routes, OpenAPI and tests come from.

Question answered: which method on which path, who may call it, what goes in, what comes back, and who answers?
A handler is given the parts that the server works with and a `Call`, and gives back a `Reply`; it knows nothing of ASGI.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from policyloop.core.errors import PolicyloopError

JSON = b"application/json"
NDJSON = b"application/x-ndjson"

# Who may call it, once there are keys: anybody, whoever may look, ask for decisions, report, or operate the deployment.
# `models`: whoever may look or download models, and anybody where the loop says `public_models: true`.
Scope = Literal["public", "read", "models", "decide", "report", "operate"]
Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(slots=True)
class Call:
    """One request, read whole and let in."""

    params: dict[str, str]  # of the path, by the names in the row
    query: bytes
    headers: Mapping[bytes, bytes]  # names in lower case; of a repeated one the last
    body: bytes
    request_id: str
    loop: str = ""  # what the handler wants in the log line: the loop and the ids that it was about
    ids: tuple[str, ...] = ()


@dataclass(slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


Handler = Callable[[Any, Call], Awaitable[Reply]]  # the first argument is the server's `Service`
Opens = Callable[[Any, Call], bool]  # whether what a call asks for is open to anybody; the first argument as above
Refuse = Callable[[PolicyloopError], Reply]  # an error in a protocol's own shape; the server adds its usual headers


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One row of the table."""

    method: Method
    path: str  # `/v1/loops/{loop}/decide`; a part in braces is a parameter
    scope: Scope
    handler: Handler
    summary: str  # one line for OpenAPI and /docs
    answer: Any  # type of the body that comes back with `status`; bytes when it is no JSON
    request: Any = None  # type of the JSON body; None: the body is not looked at
    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)  # parameter -> what it does
    errors: tuple[int, ...] = ()  # statuses of problems beyond those that any row may answer
    media_type: bytes = JSON  # of the answer
    content_types: tuple[bytes, ...] = (JSON,)  # what a body may come as
    opens: Opens | None = None  # which calls pages of other origins may make too; None: none of them
    # The rest is for compatibility protocols, whose clients cannot be changed.
    any_content_type: bool = False  # for clients that send none or another
    cors: bool = False  # answers foreign origins; for protocols that browsers call
    cors_headers: tuple[bytes, ...] = (b"content-type",)  # what pages may send along
    max_body_bytes: int | None = None  # where that is less than the server's own limit
    refuse: Refuse | None = None  # errors in the protocol's own shape; None: problem+json
    error: Any = None  # type of that shape's body; None: any JSON
