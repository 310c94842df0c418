"""HTTP under one deadline: a kept connection per thread, and every byte of an answer before the deadline or not at all.

Question answered: what did the server say to these bytes, if it said anything in time?
`http.client` times each read alone, so a server that dribbles could hold a caller for ever; here each read gets
what is left of the whole. The one wait that cannot be cut short is the system's name lookup.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import threading
import weakref
from dataclasses import replace
from functools import partial
from typing import Any

from .clock import SystemClock
from .exchange import HEADERS, MAX_ANSWER_BYTES, Down, Reply, address_of, check_size, seconds_of


class Transport:
    """Requests to one server. Safe to share between threads, and to use again in a forked child."""

    def __init__(self, url: str, clock: SystemClock) -> None:
        self._to = address_of(url)
        self._tls = self._to.tls()
        self._clock = clock
        self._of_thread = threading.local()
        self._open: weakref.WeakSet[http.client.HTTPConnection] = weakref.WeakSet()
        self._guard = threading.Lock()

    def post(self, path: str, body: bytes, *, deadline_s: float) -> Reply:
        """Send one JSON body and read the whole answer before the monotonic moment `deadline_s`.

        A kept connection that the server has closed meanwhile is replaced once, without waiting.

        Raises:
            Down: refused, broken off, too late or too large.
        """
        is_sent = False
        try:
            kept = self._kept()
            if kept is not None:
                is_sent = True
                try:
                    return self._exchange(kept, path, body, deadline_s)
                except ConnectionError:
                    pass  # closed while idle, most likely; the ids make sending again safe
            fresh = self._connect(deadline_s)
            is_repeat, is_sent = is_sent, True
            return replace(self._exchange(fresh, path, body, deadline_s), is_repeat=is_repeat)
        except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a host name that cannot be one, too
            raise Down(str(error) or type(error).__name__, is_sent=is_sent) from error

    def close(self) -> None:
        """Close the connections of all threads; a later request opens new ones."""
        with self._guard:
            connections = list(self._open)
            self._open.clear()
        for connection in connections:
            connection.close()

    def _kept(self) -> http.client.HTTPConnection | None:
        """This thread's open connection; never one that belongs to the process we were forked from."""
        kept: _Kept | None = getattr(self._of_thread, "kept", None)
        if kept is None or kept.pid != os.getpid() or kept.connection.sock is None:
            return None
        return kept.connection

    def _connect(self, deadline_s: float) -> http.client.HTTPConnection:
        left = self._left(deadline_s)
        connection: http.client.HTTPConnection
        if self._tls is None:
            connection = http.client.HTTPConnection(self._to.host, self._to.port, timeout=left)
        else:
            connection = http.client.HTTPSConnection(self._to.host, self._to.port, timeout=left, context=self._tls)
        connection.connect()
        self._of_thread.kept = _Kept(connection)
        with self._guard:
            self._open.add(connection)
        return connection

    def _exchange(self, connection: http.client.HTTPConnection, path: str, body: bytes, deadline_s: float) -> Reply:
        """One request and its answer; a connection on which anything went wrong is not used again."""
        try:
            self._send(connection, path, body, deadline_s)
            with connection.getresponse() as answer:
                return self._read(answer)
        except BaseException:
            connection.close()
            self._of_thread.kept = None
            raise

    def _send(self, connection: http.client.HTTPConnection, path: str, body: bytes, deadline_s: float) -> None:
        connection.timeout = self._left(deadline_s)
        if connection.sock is not None:
            connection.sock.settimeout(connection.timeout)
        connection.request("POST", self._to.prefix + path, body, HEADERS)
        connection.response_class = partial(_timed_response, clock=self._clock, deadline_s=deadline_s)  # type: ignore[assignment]

    def _read(self, answer: http.client.HTTPResponse) -> Reply:
        data = answer.read(MAX_ANSWER_BYTES + 1)
        check_size(len(data))
        if answer.length:  # read(n) does not complain when a body ends before its Content-Length
            raise http.client.IncompleteRead(data, answer.length)
        retry_after_s = seconds_of(answer.getheader("Retry-After"), self._clock)
        return Reply(answer.status, data, retry_after_s, answer.getheader("Location"))

    def _left(self, deadline_s: float) -> float:
        left = deadline_s - self._clock.monotonic_s()
        if left <= 0:
            raise socket.timeout("timed out")  # noqa: UP041 - before Python 3.10 these were two exceptions
        return left


class _Kept:
    """A thread's connection, closed when the thread ends."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.pid = os.getpid()

    def __del__(self) -> None:
        self.connection.close()


class _TimedReader(io.RawIOBase):
    """The receiving end of a socket, each read of which gets what is left until the deadline."""

    def __init__(self, sock: socket.socket, clock: SystemClock, deadline_s: float) -> None:
        super().__init__()
        self._sock, self._clock, self._deadline_s = sock, clock, deadline_s
        # Through the socket's own file, so that it stays open when the connection is closed before the body is read.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline_s - self._clock.monotonic_s()
        if left <= 0:
            raise socket.timeout("timed out")  # noqa: UP041 - before Python 3.10 these were two exceptions
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What `HTTPResponse` asks of a socket: a file to read from."""

    def __init__(self, sock: socket.socket, clock: SystemClock, deadline_s: float) -> None:
        self._reader = _TimedReader(sock, clock, deadline_s)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(self._reader)


def _timed_response(
    sock: socket.socket, debuglevel: int = 0, *, method: str, clock: SystemClock, deadline_s: float
) -> http.client.HTTPResponse:
    timed = _TimedSocket(sock, clock, deadline_s)
    return http.client.HTTPResponse(timed, debuglevel, method)  # type: ignore[arg-type]
