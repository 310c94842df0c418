"""One HTTP connection, with the limits that uvicorn's own protocol lacks: how long a request may take to arrive, and how much.

Question answered: does this peer send and read at a pace that is worth a socket?
Half-sent headers and bodies, and answers that no one reads, are cut off after `STALL_S`; a request is cut off at
`MAX_REQUEST_BYTES` whatever it consists of. The base class is uvicorn's extension point; no timer is set per request:
a sweep once a second looks at when each connection began to wait.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from policyloop.core.errors import PolicyloopError
from policyloop.core.request_errors import HeadersTooLarge, NotHttp
from policyloop.core.wire import problem_of
from policyloop.server.whole_answer import SEND, WHOLE, send_whole

STALL_S = 20.0  # with the sweep's second and the keep-alive below, everything idle is gone within 30 s
KEEP_ALIVE_S = 20
MAX_HEADER_BYTES = 64 * 2**10
MAX_REQUEST_BYTES = 16 * 2**20  # what is over the body's limit is read and thrown away up to here, so that the answer is seen


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, which also keeps when the peer began to owe us something."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.reading_since_s: float | None = None  # loop time; None: no request is under way
        self.writing_since_s: float | None = None  # loop time; None: what we write is read
        self._n_bytes = 0  # of this request so far
        self._is_in_headers = False
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A peer connected, and owes us a request."""
        super().connection_made(transport)
        self.reading_since_s = self.loop.time()

    def data_received(self, data: bytes) -> None:
        """Bytes came in."""
        if not self._is_refused:
            super().data_received(data)
        self._n_bytes += len(data)
        if self._n_bytes > MAX_REQUEST_BYTES:
            self.transport.abort()
        elif self._n_bytes > MAX_HEADER_BYTES and self._is_in_headers and not self._is_refused:
            self._refuse(HeadersTooLarge(MAX_HEADER_BYTES))

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self.reading_since_s = self.loop.time()
        self._n_bytes = 0
        self._is_in_headers = True

    def on_headers_complete(self) -> None:
        """The request can be given to the application; its body may be still to come."""
        self._is_in_headers = False
        super().on_headers_complete()
        self.scope["extensions"] = {WHOLE: {SEND: partial(send_whole, self.cycle)}}
        self.headers = []  # trailers, which come after the body, end up here and count for nothing

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self.reading_since_s = None
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The peer does not read what we write."""
        self.writing_since_s = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self.writing_since_s = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(NotHttp())

    def has_waited_since(self, before_s: float) -> bool:
        """Whether the peer has owed us something since before that moment."""
        began_s = self.reading_since_s if self.reading_since_s is not None else self.writing_since_s
        return began_s is not None and began_s < before_s

    def _refuse(self, error: PolicyloopError) -> None:
        """Answer without the application. What it still sends is thrown away, so that it sees the answer."""
        body = msgspec.json.encode(problem_of(error))
        head = (
            f"HTTP/1.1 {error.status} Refused\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self._is_refused = True
        if self.transport.is_closing() or (self.cycle is not None and not self.cycle.response_complete):
            self.transport.close()  # never into the middle of another answer
            return
        self.reading_since_s = self.loop.time()
        self.transport.write(head.encode() + body)
        self.transport.write_eof()


def cut_off_stalled(state: ServerState, *, now_s: float) -> int:
    """End the connections whose peer has let us wait too long. Answers how many."""
    before_s = now_s - STALL_S
    stalled = [c for c in state.connections if isinstance(c, Connection) and c.has_waited_since(before_s)]
    for connection in stalled:
        connection.transport.abort()
    return len(stalled)
