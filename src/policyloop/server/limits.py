"""How much a request may be: the size, type and encoding of its body, read in bounded memory.

Question answered: what is the whole body, if it is one that we take? Time limits are in `connection.py`: they are kept
by the process that reads the bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from policyloop.core.endpoint import Endpoint
from policyloop.core.request_errors import BodyCutShort, BodyTooLarge, EncodedBody, WrongContentType

MAX_BODY_BYTES = 2**20

Receive = Callable[[], Awaitable[Any]]


def check_body_headers(row: Endpoint, headers: Mapping[bytes, bytes]) -> None:
    """Refuse by its headers a body that would not be taken.

    Raises:
        EncodedBody: it is compressed.
        BodyTooLarge: it says that it is over the limit.
        WrongContentType: a write that is not of a type which the row takes; pages cannot send those unasked.
    """
    encoding = headers.get(b"content-encoding")
    if encoding is not None and encoding.lower() != b"identity":
        raise EncodedBody(encoding)
    length = headers.get(b"content-length")
    limit_bytes = row.max_body_bytes or MAX_BODY_BYTES
    if length is not None and length.isdigit() and int(length[:20]) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if row.method == "GET" or row.any_content_type:
        return
    content_type = headers.get(b"content-type", b"")
    if content_type not in row.content_types and content_type.partition(b";")[0].strip().lower() not in row.content_types:
        raise WrongContentType(content_type, [t.decode() for t in row.content_types])


async def read_body(receive: Receive, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The whole body; never more than the limit and one piece in memory.

    Raises:
        BodyTooLarge: it went on beyond the limit. What is still to come is left unread.
        BodyCutShort: the other side went away before it was whole.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if len(body) > limit_bytes:
        raise BodyTooLarge(limit_bytes)
    if message["type"] == "http.request" and not message.get("more_body", False):
        return body
    parts = bytearray(body)
    while message.get("more_body", False):
        message = await receive()
        parts += message.get("body", b"")
        if len(parts) > limit_bytes:
            raise BodyTooLarge(limit_bytes)
    if message["type"] != "http.request":
        raise BodyCutShort
    return bytes(parts)
