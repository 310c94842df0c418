"""Fetching a model file: one GET with a deadline, and every byte checked before anything believes it.

Question answered: is there another model than the one at hand, and is it whole? Only what was asked for is fetched: no
redirect is followed, and no proxy is taken from the environment.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import time
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import msgspec

from policyloop import __version__
from policyloop.client.exchange import address_of
from policyloop.core import model_file
from policyloop.core.errors import BadModel, BadSetting, NoModel
from policyloop.core.model_file import ModelFile
from policyloop.core.wire import Problem

_PATH = re.compile(r"(?P<prefix>.*)/v1/loops/(?P<loop>[^/]+)/models/(?P<model>[^/]+)")
_CHUNK_BYTES = 2**16
_SHA_256 = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True, slots=True)
class ModelUrl:
    """Where a model is downloaded from."""

    server: str  # `http://127.0.0.1:8900`, with whatever goes before every path
    path: str
    loop: str


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """A model file that came in whole."""

    file: ModelFile
    body: bytes
    etag: str | None
    is_immutable: bool  # there will never be another one at this address


def model_url(url: str) -> ModelUrl:
    """The parts of a model's address.

    Raises:
        BadSetting: it is none.
    """
    parts = urlsplit(url)
    found = _PATH.fullmatch(parts.path)
    if found is None or parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadSetting(
            f"the model's address is '{url}'; expected one like 'http://127.0.0.1:8900/v1/loops/front-page/models/latest'."
        )
    server = f"{parts.scheme}://{parts.netloc}{found['prefix']}"
    try:
        address_of(server)
    except ValueError as error:
        raise BadSetting(str(error)) from None
    return ModelUrl(server, parts.path, unquote(found["loop"]))


def fetch(url: ModelUrl, etag: str | None, *, timeout_s: float) -> Fetched | None:
    """The model file, or None while it is the one with that tag.

    Raises:
        NoModel: the server is away, or has none such; the message says which.
        BadModel: what came is not whole, or is no model file of ours.
    """
    address = address_of(url.server)
    deadline_s = time.monotonic() + timeout_s
    connection = (
        http.client.HTTPSConnection(address.host, address.port, timeout=timeout_s, context=address.tls())
        if address.is_tls
        else http.client.HTTPConnection(address.host, address.port, timeout=timeout_s)
    )
    headers = {"Accept": model_file.MEDIA_TYPE.decode(), "User-Agent": f"policyloop-edge/{__version__}", "Connection": "close"}
    if etag is not None:
        headers["If-None-Match"] = etag
    try:
        connection.request("GET", url.path, headers=headers)
        answer = connection.getresponse()
        body = _read(answer, deadline_s)
    except (OSError, http.client.HTTPException) as error:
        raise NoModel(f"{url.server}{url.path} gave no model: {str(error) or type(error).__name__}.") from None
    finally:
        connection.close()
    if answer.status == http.HTTPStatus.NOT_MODIFIED:
        return None
    if answer.status != http.HTTPStatus.OK:
        raise NoModel(f"{url.server}{url.path} gave no model: {_told(answer, body)}")
    _check(answer.getheader("Repr-Digest"), body)
    caching = answer.getheader("Cache-Control") or ""
    return Fetched(model_file.unpack(body), body, answer.getheader("ETag"), "immutable" in caching)


def _read(answer: http.client.HTTPResponse, deadline_s: float) -> bytes:
    """The whole body, before the deadline and within bounds."""
    parts = []
    n_bytes = 0
    while True:
        part = answer.read1(_CHUNK_BYTES)
        if not part:
            break
        parts.append(part)
        n_bytes += len(part)
        if n_bytes > model_file.MAX_BYTES:
            raise http.client.HTTPException(f"it is over {model_file.MAX_BYTES:,} bytes")
        if time.monotonic() > deadline_s:
            raise TimeoutError("timed out")
    if answer.length:
        raise http.client.HTTPException(f"it broke off {answer.length:,} bytes before its end")
    return b"".join(parts)


def _check(repr_digest: str | None, body: bytes) -> None:
    """Hold the body against the header's checksum; without one, the file's own digests have to do."""
    named = None if repr_digest is None else _SHA_256.search(repr_digest)
    if named is None:
        return
    found = base64.b64encode(hashlib.sha256(body).digest()).decode()
    if found != named[1]:
        raise BadModel(
            f"the download is damaged: its SHA-256 is {found}, the server said {named[1]}. It is fetched again next time."
        )


def _told(answer: http.client.HTTPResponse, body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=Problem).detail
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return f"it answered {answer.status}."
