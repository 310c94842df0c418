"""Model files: what decides in a loop as one file, for deciders that run elsewhere and look every so often for a newer one."""

from __future__ import annotations

import asyncio
import base64

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import UnknownLoop
from policyloop.core.model_file import MEDIA_TYPE
from policyloop.registry.downloads import Download
from policyloop.server.service import Service

_YEAR_S = 365 * 86_400


async def download_model(service: Service, call: Call) -> Reply:
    """The file, or 304 where the caller has it."""
    found = await asyncio.to_thread(service.downloads.find, call.params["loop"], call.params["model"])
    call.loop = found.loop
    etag = b'"%s"' % found.sha256.hex().encode()
    headers = ((b"etag", etag), *_headers(found))
    if _has(call.headers.get(b"if-none-match", b""), etag):
        return Reply(304, b"", MEDIA_TYPE, headers)
    return Reply(200, found.body, MEDIA_TYPE, (*headers, (b"repr-digest", _checksum(found))))


def is_open(service: Service, call: Call) -> bool:
    """Whether the loop lets anybody download its models; of a loop that there is not, nothing is told to anybody."""
    try:
        return service.swap.find(call.params["loop"]).live.spec.public_models
    except UnknownLoop:
        return False


def _headers(found: Download) -> tuple[tuple[bytes, bytes], ...]:
    """How long it may be kept, by whom, and which pages may read it."""
    who = b"public" if found.is_public else b"private"
    keep = b"max-age=%d, immutable" % _YEAR_S if found.is_immutable else b"no-cache"
    caching = (b"cache-control", who + b", " + keep)
    if not found.is_public:
        return (caching,)
    return (caching, (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"etag, repr-digest"))


def _checksum(found: Download) -> bytes:
    """SHA-256 of the file (RFC 9530, section 3)."""
    return b"sha-256=:%s:" % base64.b64encode(found.sha256)


def _has(if_none_match: bytes, etag: bytes) -> bool:
    """Whether the tag is among those that the caller has (RFC 9110, section 13.1.2)."""
    known = [tag.strip().removeprefix(b"W/") for tag in if_none_match.split(b",")]
    return etag in known or known == [b"*"]


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/loops/{loop}/models/{model}",
        scope="models",
        handler=download_model,
        summary="A model as one file with all that is needed to decide: `latest`, an id, champion, previous or anchor.",
        answer=bytes,
        media_type=MEDIA_TYPE,
        errors=(404,),
        opens=is_open,
    ),
)
