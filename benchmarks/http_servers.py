"""The servers that are measured beside one another: `python http_servers.py NAME PROJECT PORT`.

All of them answer POST PATH on uvicorn with uvloop and httptools, in one process each.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import fastapi
import msgspec
import pydantic
import uvicorn

from policyloop.core.clock import SystemClock
from policyloop.core.settings import read_settings
from policyloop.core.wire import DecideRequest
from policyloop.log.writer import LogWriter
from policyloop.registry.registry import Registry
from policyloop.serve.decider import Decider
from policyloop.serve.hot_swap import HotSwap
from policyloop.server.worker import serve
from policyloop.storage.objects import open_objects
from policyloop.storage.records import open_records, url_of

PATH = "/v1/loops/bench/decide"


class Context(pydantic.BaseModel):
    """The loop's context, for FastAPI."""

    n0: float
    n1: float
    n2: float
    n3: float
    n4: float
    n5: float
    n6: float
    n7: float
    n8: float
    n9: float
    c0: Literal["a", "b", "c", "d"]
    c1: Literal["a", "b", "c", "d"]


class Body(pydantic.BaseModel):
    """A request, for FastAPI."""

    context: Context
    decision_id: str | None = None


class Answer(pydantic.BaseModel):
    """An answer, for FastAPI."""

    decision_id: str
    decided_at: str
    action: str
    index: int
    propensity: float
    policy: str
    fallback: bool
    logged: bool
    deferred: bool
    split: float


def serve_durable(home: Path, port: int) -> None:
    """Policyloop, fsync before each answer."""
    serve(read_settings(home, {}, flags={"server.log_level": "info"}), host="127.0.0.1", port=port)


def serve_fast(home: Path, port: int) -> None:
    """Policyloop, fsync after the answer."""
    serve(read_settings(home, {}, flags={"log.mode": "fast"}), host="127.0.0.1", port=port)


def serve_fastapi(home: Path, port: int) -> None:
    """FastAPI with pydantic: the same decision, the same log, the same promise."""
    api = fastapi.FastAPI()
    decider, log = open_decider(home)

    @api.post(PATH)
    async def decide(body: Body) -> Answer:
        decided = decider.decide(DecideRequest(context=body.context.model_dump(), decision_id=body.decision_id))
        await log.durable(decided.seq)
        return Answer(**msgspec.structs.asdict(decided.answer))

    run_uvicorn(api, port)


def serve_echo(home: Path, port: int) -> None:
    """The least that uvicorn can do: read the body, send it back."""

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    run_uvicorn(echo, port)


def run_uvicorn(app: Any, port: int) -> None:
    """uvicorn as fast as it gets: uvloop, httptools, no access log."""
    uvicorn.run(
        app, port=port, loop="uvloop", http="httptools", ws="none", lifespan="off", access_log=False, log_level="warning"
    )


def open_decider(home: Path) -> tuple[Decider, LogWriter]:
    """The same decider and log that a Policyloop server has."""
    settings = read_settings(home, {})
    clock = SystemClock()
    registry = Registry(open_records(url_of(settings.home.path)), open_objects(settings.home.path), clock=clock)
    log = LogWriter(settings.home.log, clock=clock)
    swap = HotSwap(registry, salt=registry.salt, clock=clock, append=log.append, on_refused=print)
    swap.look()
    assert not swap.find("bench").live.is_baseline, "the model was refused"
    return swap.find("bench"), log


SERVERS = {"echo": serve_echo, "fastapi": serve_fastapi, "durable": serve_durable, "fast": serve_fast}

if __name__ == "__main__":
    SERVERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
