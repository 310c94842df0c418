"""Errors as problem+json (RFC 9457): one shape for all of them, with a stable code and what to do.

Question answered: what does the caller see of an error? What it did wrong and where; of our own mistakes nothing but
the id under which the log tells more.
"""

from __future__ import annotations

import msgspec

from policyloop.core.endpoint import Refuse, Reply
from policyloop.core.errors import LogUnavailable, PolicyloopError
from policyloop.core.request_errors import MethodNotAllowed, Unexpected
from policyloop.core.wire import problem_of

PROBLEM_JSON = b"application/problem+json"
RETRY_AFTER_S = 1
_encode = msgspec.json.Encoder().encode


def problem_reply(error: PolicyloopError, *, request_id: str, refuse: Refuse | None = None) -> Reply:
    """The answer that says what went wrong, without a word about our insides.

    Args:
        refuse: says it in the shape of another protocol; None: problem+json.
    """
    told = _for_strangers(error, request_id)
    headers = [(b"x-request-id", request_id.encode()), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
    if told.status == 503:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if isinstance(told, MethodNotAllowed):
        headers.append((b"allow", ", ".join(told.allowed).encode()))
    if refuse is None:
        return Reply(told.status, _encode(problem_of(told)), PROBLEM_JSON, tuple(headers))
    reply = refuse(told)
    reply.headers += tuple(headers)
    return reply


def _for_strangers(error: PolicyloopError, request_id: str) -> PolicyloopError:
    """The error, or one that says less when its text would name files of ours."""
    if isinstance(error, LogUnavailable):
        return LogUnavailable(f"the server's log tells why under request id '{request_id}'")
    return Unexpected(request_id) if error.status == Unexpected.status else error
