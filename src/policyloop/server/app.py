"""The application of one server process: every request goes through here, to the handler of its row and back.

Question answered: how does a request become a call, an error an answer, and the end of a process a clean one?
A plain ASGI callable: an answer to decide has a budget of some tens of microseconds, which a framework's own routing,
request and response objects would spend. Nothing raises out of it: what no one foresaw is a 500 without insides.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from itertools import count
from typing import Any
from urllib.parse import quote

import msgspec

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid, PolicyloopError
from policyloop.core.request_errors import BodyCutShort, MethodNotAllowed, Unexpected
from policyloop.server.limits import MAX_BODY_BYTES, check_body_headers, read_body
from policyloop.server.origin import OriginCheck, cors_headers
from policyloop.server.problem import problem_reply
from policyloop.server.routes import Routes, methods_of
from policyloop.server.service import Service
from policyloop.server.whole_answer import whole_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MAX_IDS_TOLD = 20
_WITHOUT_BODY = (204, 304)
_MAX_SHOWN = 200
_encode = msgspec.json.Encoder().encode
_READ_ONLY = (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")


class App:
    """The ASGI application."""

    def __init__(self, service: Service, routes: Routes) -> None:
        self.service = service
        self.routes = routes
        self._origins = OriginCheck()
        self._number = count(1)
        self._prefix = f"{service.worker}-{service.clock.now_us():x}-"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or start and end with the process."""
        if scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})  # before it was accepted: the peer sees a refusal

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        """Find the row, ask its handler, send what comes back, count and log it."""
        began_s = time.perf_counter()
        call = Call({}, scope["query_string"], dict(scope["headers"]), b"", f"{self._prefix}{next(self._number):x}")
        row: Endpoint | None = None
        try:
            self._origins.check_host(call.headers)
            rows, call.params = self.routes.find(scope.get("raw_path") or quote(scope["path"]).encode())
            method = scope["method"]
            row = rows.get("GET" if method == "HEAD" else method)
            reply = await self._ask(row, call, receive) if row is not None else _without_row(rows, method)
        except BodyCutShort:
            return  # no one is there to be answered
        except PolicyloopError as error:
            reply = self._told(error, call, row)
        except RecursionError:
            reply = self._told(Invalid([Fault("$", "is nested too deeply; expected a few levels.", "malformed")]), call, row)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller is owed an answer and we are owed the trace
            self.service.lines.tell_exception("unexpected", error, {"request_id": call.request_id})
            reply = _problem(Unexpected(call.request_id), call, row)
        if row is not None and row.cors:
            reply.headers += cors_headers((row.method,), row.cors_headers)
        await _send(reply, scope, send)
        self._note(scope, row, call, reply.status, time.perf_counter() - began_s)

    async def _ask(self, row: Endpoint, call: Call, receive: Receive) -> Reply:
        """Check what the row wants checked, read the body, and let the handler answer."""
        if not (row.cors or (row.opens is not None and row.opens(self.service, call))):
            self._origins.check_origin(call.headers)
        check_body_headers(row, call.headers)
        if row.request is not None:
            call.body = await read_body(receive, row.max_body_bytes or MAX_BODY_BYTES)
        reply = await row.handler(self.service, call)
        if row.method == "GET":
            told = {name for name, _ in reply.headers}
            reply.headers += tuple(header for header in _READ_ONLY if header[0] not in told)
        return reply

    def _told(self, error: PolicyloopError, call: Call, row: Endpoint | None) -> Reply:
        """The problem that the caller sees; what it does not see goes to the log."""
        if error.status >= 500:
            what = {"request_id": call.request_id, "code": error.code, "message": error.message}
            self.service.lines.tell("error", "refused", what)
        return _problem(error, call, row)

    def _note(self, scope: Message, row: Endpoint | None, call: Call, status: int, took_s: float) -> None:
        """Count the request and write its line."""
        method, path = (row.method, row.path) if row is not None else ("", "")
        self.service.numbers.answered(method, path, status, took_s)
        level = "info" if status < 400 else "warning" if status < 500 else "error"
        lines = self.service.lines
        if not lines.is_told(level):
            return
        if row is not None and scope["method"] == method:
            head = f'"request_id":"{call.request_id}","method":"{method}","path":"{path}"'
        else:  # what a stranger sent has to be escaped
            method, path = scope["method"][:_MAX_SHOWN], path or scope["path"][:_MAX_SHOWN]
            head = f'"request_id":"{call.request_id}","method":{_json(method)},"path":{_json(path)}'
        about = f',"loop":"{call.loop}"' if call.loop else ""  # a loop's own name needs no escaping
        if call.ids:
            about += f',"ids":{_json(call.ids[:_MAX_IDS_TOLD])},"n_ids":{len(call.ids)}'
        lines.tell_request(level, head, took_s, status, about)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Open what the handlers need, wait for the end, answer what was begun (uvicorn sees to that), close."""
        await receive()
        try:
            await self.service.open()
        except Exception as error:  # noqa: BLE001 - told to the log, and to uvicorn, which ends the process
            self.service.lines.tell_exception("start failed", error, {"message": str(error)})
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.service.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _send(reply: Reply, scope: Message, send: Send) -> None:
    """Hand the answer to the server: at once where the connection takes it so, else head and body."""
    has_body = reply.status not in _WITHOUT_BODY
    if has_body and not reply.headers:
        whole = whole_of(scope)
        if whole is not None and whole(reply.status, reply.media_type, reply.body):
            return
    headers = list(reply.headers)
    if has_body:
        headers = [(b"content-type", reply.media_type), (b"content-length", b"%d" % len(reply.body)), *headers]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


def _problem(error: PolicyloopError, call: Call, row: Endpoint | None) -> Reply:
    """The error in the shape that the callers of the row expect."""
    return problem_reply(error, request_id=call.request_id, refuse=None if row is None else row.refuse)


def _json(value: object) -> str:
    return _encode(value).decode()


def _without_row(rows: Mapping[str, Endpoint], method: str) -> Reply:
    """OPTIONS lists what the path answers; another method is refused, and told the same."""
    methods = methods_of(rows)
    if method != "OPTIONS":
        raise MethodNotAllowed(methods)
    open_rows = [row for row in rows.values() if row.cors]
    may_send = dict.fromkeys(name for row in open_rows for name in row.cors_headers)
    extra = cors_headers(methods, may_send) if open_rows else ()
    return Reply(200, b"", b"text/plain", headers=((b"allow", ", ".join(methods).encode()), *extra))
