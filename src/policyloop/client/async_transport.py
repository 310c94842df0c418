"""HTTP over asyncio under one deadline: kept connections that tasks take in turn, and whole answers or none.

Question answered: what did the server say to these bytes, if it said anything in time? The deadline holds for all of it,
the system's name lookup included. Source: RFC 9112, sections 6 (how long a body is) and 7.1 (chunks).
"""

from __future__ import annotations

import asyncio
import http.client
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .clock import Clock
from .exchange import HEADERS, Down, Reply, address_of, check_size, seconds_of

_HEAD_END = b"\r\n\r\n"
_BAD = (OSError, EOFError, asyncio.LimitOverrunError, http.client.HTTPException, ValueError)


@dataclass(eq=False)
class _Connection:
    """One open connection, good on its own event loop and in its own process alone."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    loop: asyncio.AbstractEventLoop
    pid: int

    @property
    def is_ours(self) -> bool:
        """Whether it belongs to this process and this event loop."""
        return self.pid == os.getpid() and self.loop is asyncio.get_running_loop()

    @property
    def is_usable(self) -> bool:
        """Whether it can carry a request here and now, as far as one can see."""
        return self.is_ours and not self.reader.at_eof() and not self.writer.is_closing()

    def drop(self) -> None:
        """Close it at once; one that is not ours is only let go."""
        if self.is_ours:
            self.writer.transport.abort()


class _Sent:
    """Whether the bytes of a request may have left."""

    is_sent = False


class AsyncTransport:
    """Requests to one server, from any number of tasks; each has a connection to itself while it waits."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._to = address_of(url)
        self._tls = self._to.tls()
        self._clock = clock
        self._idle: list[_Connection] = []

    async def post(self, path: str, body: bytes, *, deadline_s: float) -> Reply:
        """Send one JSON body and read the whole answer before the monotonic moment `deadline_s`.

        A kept connection that the server has closed meanwhile is replaced once, without waiting.

        Raises:
            Down: refused, broken off, too late or too large.
        """
        sent = _Sent()
        left_s = deadline_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise Down("timed out", is_sent=False)
        try:
            return await asyncio.wait_for(self._post(self._head(path, len(body)) + body, sent), left_s)
        except asyncio.TimeoutError as error:  # noqa: UP041 - before Python 3.11 these were two exceptions
            raise Down("timed out", is_sent=sent.is_sent) from error
        except _BAD as error:
            raise Down(str(error) or type(error).__name__, is_sent=sent.is_sent) from error

    async def close(self) -> None:
        """Close the connections that nobody uses; a later request opens new ones."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.drop()
        await asyncio.sleep(0)  # so that the loop closes the sockets before it may be closed itself

    async def _post(self, data: bytes, sent: _Sent) -> Reply:
        kept = self._kept()
        if kept is not None:
            sent.is_sent = True
            try:
                return await self._exchange(kept, data)
            except ConnectionError:
                pass  # closed while idle, most likely; the ids make sending again safe
        fresh = await self._connect()
        is_repeat, sent.is_sent = sent.is_sent, True
        return replace(await self._exchange(fresh, data), is_repeat=is_repeat)

    def _kept(self) -> _Connection | None:
        """The connection that was used last; those that have died meanwhile are let go."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
            connection.drop()
        return None

    async def _connect(self) -> _Connection:
        reader, writer = await asyncio.open_connection(self._to.host, self._to.port or self._to.default_port, ssl=self._tls)
        return _Connection(reader, writer, asyncio.get_running_loop(), os.getpid())

    async def _exchange(self, connection: _Connection, data: bytes) -> Reply:
        """One request and its answer; a connection on which anything went wrong is not used again."""
        is_kept = False
        try:
            connection.writer.write(data)
            await connection.writer.drain()
            reply, is_kept = await _read(connection.reader, self._clock)
            return reply
        finally:
            if is_kept:
                self._idle.append(connection)
            else:
                connection.drop()

    def _head(self, path: str, n_bytes: int) -> bytes:
        headers = {"Host": self._to.host_header, **HEADERS, "Content-Length": str(n_bytes)}
        lines = [f"POST {self._to.prefix}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii")


async def _read(reader: asyncio.StreamReader, clock: Clock) -> tuple[Reply, bool]:
    """The next answer, and whether the connection may carry another request after it."""
    version, status, headers = await _read_head(reader)
    while 100 <= status < 200:  # "go on": not the answer yet
        version, status, headers = await _read_head(reader)
    is_kept = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    if status in (204, 304):
        data = b""
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        data = await _read_chunks(reader)
    elif "content-length" in headers:
        data = await _read_exactly(reader, int(headers["content-length"]))
    else:
        data, is_kept = await _read_to_end(reader), False
    return Reply(status, data, seconds_of(headers.get("retry-after"), clock), headers.get("location")), is_kept


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, int, Mapping[str, str]]:
    """Version, status, and headers by their names in lower case."""
    try:
        head = await reader.readuntil(_HEAD_END)
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            raise http.client.RemoteDisconnected("the server closed the connection without an answer") from error
        raise
    line, _, rest = head.partition(b"\r\n")
    version, status, *_ = line.decode("latin-1").split(maxsplit=2)
    if not version.startswith("HTTP/1.") or not status.isdecimal():
        raise http.client.BadStatusLine(line.decode("latin-1"))
    found = http.client.parse_headers(io.BytesIO(rest))
    return version, int(status), {name.lower(): value.strip() for name, value in found.items()}


async def _read_exactly(reader: asyncio.StreamReader, n_bytes: int) -> bytes:
    check_size(n_bytes)
    return await reader.readexactly(n_bytes)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    """A body in chunks, its trailer read and forgotten."""
    data = b""
    while n_bytes := int((await reader.readline()).split(b";")[0], 16):
        check_size(len(data) + n_bytes)
        data += await reader.readexactly(n_bytes)
        await reader.readline()
    while (await reader.readline()).strip():
        pass
    return data


async def _read_to_end(reader: asyncio.StreamReader) -> bytes:
    data = b""
    while part := await reader.read(2**16):
        data += part
        check_size(len(data))
    return data
