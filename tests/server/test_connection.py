"""One HTTP connection: peers that stall or send without end are cut off, all others are left alone."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest
import uvicorn

from policyloop.server.connection import MAX_HEADER_BYTES, STALL_S, Connection, cut_off_stalled

HEAD = b"POST / HTTP/1.1\r\nhost: localhost\r\n"


async def echo(scope, receive, send):
    """Answers with the length of the body, or 50 MB when /long is asked for."""
    n = 0
    more = True
    while more:
        message = await receive()
        n += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = b"x" * 50_000_000 if scope["path"] == "/long" else json.dumps([n, len(scope["headers"])]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def serving(app=echo):
    """uvicorn with our connections on a free port; gives the server and a function that connects."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=Connection, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listening]))
    writers = []

    async def connect():
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writers.append(writer)
        return reader, writer

    try:
        yield server.server_state, connect
    finally:
        for writer in writers:
            writer.close()
        server.should_exit = True
        await running


async def until(condition):
    """Give the event loop turns until something is true."""
    while not condition():
        await asyncio.sleep(0.005)


def later(seconds):
    return asyncio.get_running_loop().time() + seconds


async def gone(reader):
    """Whether the server ends the connection without another word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST / HT", HEAD, HEAD + b"content-length: 10\r\n\r\nhalf", HEAD + b"transfer-encoding: chunked\r\n\r\n6\r\nabc"],
)
def test_a_peer_that_stops_in_the_middle_of_a_request_is_cut_off(sent):
    async def scenario():
        async with serving() as (state, connect):
            reader, writer = await connect()
            writer.write(sent)
            await until(lambda: state.connections)
            await asyncio.sleep(0.02)

            early = cut_off_stalled(state, now_s=later(STALL_S - 5))
            late = cut_off_stalled(state, now_s=later(STALL_S + 1))

            return early, late, await gone(reader)

    assert asyncio.run(scenario()) == (0, 1, True)


def test_a_peer_that_does_not_read_is_cut_off():
    async def scenario():
        async with serving() as (state, connect):
            _, writer = await connect()
            writer.write(b"GET /long HTTP/1.1\r\nhost: localhost\r\n\r\n")
            await until(lambda: any(c.writing_since_s for c in state.connections))

            return cut_off_stalled(state, now_s=later(STALL_S + 1))

    assert asyncio.run(scenario()) == 1


def test_an_idle_connection_that_has_had_its_answer_is_left_to_keep_alive():
    async def scenario():
        async with serving() as (state, connect):
            reader, writer = await connect()
            for _ in range(2):
                writer.write(HEAD + b"content-length: 3\r\n\r\nabc")
                answer = await reader.readuntil(b"[3, 2]")
            return answer.split()[1], cut_off_stalled(state, now_s=later(10 * STALL_S))

    assert asyncio.run(scenario()) == (b"200", 0)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nx: " + b"a" * (5 * MAX_HEADER_BYTES), 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"x: a\r\n" * 60_000, 431, "headers_too_large"),
        (b"GET /" + b"a" * (5 * MAX_HEADER_BYTES), 431, "headers_too_large"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS", 400, "not_http"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400, "not_http"),
        (b"FOO / HTTP/1.1\r\nhost: a\r\n\r\n", 400, "not_http"),
        (b"CONNECT example.org:443 HTTP/1.1\r\nhost: a\r\n\r\n", 400, "not_http"),
        (b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", 400, "not_http"),
    ],
)
def test_what_is_no_request_is_told_so_as_a_problem(sent, status, code):
    async def scenario():
        async with serving() as (_, connect):
            reader, writer = await connect()
            writer.write(sent)
            head = await reader.readuntil(b"\r\n\r\n")
            return head, json.loads(await reader.read())

    head, problem = asyncio.run(scenario())

    assert int(head.split()[1]) == problem["status"] == status
    assert problem["code"] == code
    assert b"application/problem+json" in head


def test_a_request_without_end_is_broken_off():
    async def at_once(scope, receive, send):
        await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario():
        async with serving(at_once) as (_, connect):
            reader, writer = await connect()
            writer.write(HEAD + b"content-length: 1000000000\r\n\r\n")
            answer = await reader.readuntil(b"\r\n\r\n")
            sent = 0
            try:
                while sent < 10**9:
                    writer.write(b"x" * 2**20)
                    sent += 2**20
                    await writer.drain()
            except ConnectionError:
                pass
            return answer.split()[1], sent

    status, sent = asyncio.run(scenario())

    assert status == b"413"
    assert sent < 200 * 2**20  # 16 MB, and what the sockets hold


def test_trailers_are_no_headers():
    async def scenario():
        async with serving() as (_, connect):
            reader, writer = await connect()
            writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\norigin: evil\r\n\r\n")
            return await reader.readuntil(b"[3, 2]")

    assert b"200" in asyncio.run(scenario())
