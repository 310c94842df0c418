"""A whole answer: the same bytes as in two steps, in one write, and only where nothing is unusual."""

import asyncio
import re
import socket

import pytest
import uvicorn

from policyloop.server.connection import Connection
from policyloop.server.whole_answer import whole_of

ASKED = "{method} /{n} HTTP/1.1\r\nhost: localhost\r\n{more}\r\n"


class Answering:
    """An app that answers with the path, at once where it is let; `taken` tells for each request whether it was."""

    def __init__(self, *, may_be_whole: bool) -> None:
        self._may_be_whole = may_be_whole
        self.taken: list[bool] = []

    async def __call__(self, scope, receive, send):
        body = scope["path"].encode()
        whole = whole_of(scope) if self._may_be_whole else None
        self.taken.append(whole is not None and whole(200, b"text/plain", body))
        if not self.taken[-1]:
            headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})


async def exchange(app, sent: bytes) -> bytes:
    """All that comes back, until the server closes the connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        writer.write(sent)
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()
        server.should_exit = True
        await running


def asked(*requests: tuple[str, str]) -> bytes:
    """Requests of (method, further headers), one after another without waiting."""
    return "".join(ASKED.format(method=method, n=n, more=more) for n, (method, more) in enumerate(requests)).encode()


def told(app, sent: bytes) -> bytes:
    """What comes back, the time left out."""
    return re.sub(rb"date: [^\r]+\r\n", b"", asyncio.run(exchange(app, sent)))


@pytest.mark.parametrize("first", [("GET", ""), ("HEAD", ""), ("POST", "content-length: 0\r\nexpect: 100-continue\r\n")])
def test_it_is_the_same_bytes_as_head_and_body_one_after_the_other(first):
    sent = asked(first, ("GET", "connection: close\r\n"))

    assert told(Answering(may_be_whole=True), sent) == told(Answering(may_be_whole=False), sent)


def test_requests_that_came_together_are_answered_in_their_order():
    app = Answering(may_be_whole=True)

    answers = told(app, asked(("GET", ""), ("GET", ""), ("GET", ""), ("GET", "connection: close\r\n")))

    assert re.findall(rb"\r\n\r\n(/\d)", answers) == [b"/0", b"/1", b"/2", b"/3"]
    assert app.taken == [True, True, True, False]


def test_a_request_for_the_head_and_one_that_ends_the_connection_take_two_steps():
    app = Answering(may_be_whole=True)

    told(app, asked(("HEAD", ""), ("GET", "connection: close\r\n")))

    assert app.taken == [False, False]


def test_a_server_that_is_not_ours_offers_nothing():
    assert whole_of({"type": "http"}) is None
    assert whole_of({"type": "http", "extensions": {"http.response.push": {}}}) is None
