"""The application in this process, with a data folder of its own: requests go in as ASGI messages, no socket between."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from empty_records import with_records
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home, read_settings
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from policyloop.server.request_log import LogLines
from policyloop.server.worker import create_app


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningApp:
    """An application between startup and shutdown."""

    app: Any
    runner: asyncio.Runner
    log_path: Path
    lines: LogLines
    sent: list[Any] = field(default_factory=list)

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, pieces: int = 1
    ) -> Answer:
        """One request; `headers` go over a good Host and a JSON content type."""
        return self.runner.run(self.answer(method, path, body, headers, pieces=pieces))

    def post(self, path: str, value: Any = None, headers: dict[str, str] | None = None) -> Answer:
        """One POST of a JSON value."""
        return self.ask("POST", path, json.dumps(value).encode(), headers)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """One GET."""
        return self.ask("GET", path, b"", headers)

    async def answer(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None, *, pieces: int = 1
    ) -> Answer:
        """The same within the event loop, so that several can be under way."""
        raw_path, _, query = path.partition("?")
        named = {"host": "localhost", "content-type": "application/json"} | (headers or {})
        scope = {
            "type": "http",
            "method": method,
            "path": raw_path,
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in named.items() if v is not None],
        }
        size = max(1, -(-len(body) // pieces))
        parts = [body[i : i + size] for i in range(0, len(body), size)] or [b""]
        left = iter([{"type": "http.request", "body": p, "more_body": i < len(parts) - 1} for i, p in enumerate(parts)])
        messages: list[Any] = []

        async def receive() -> Any:
            return next(left, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start, end = messages
        return Answer(start["status"], {k.decode(): v.decode() for k, v in start["headers"]}, end["body"])

    def lines_logged(self) -> list[dict[str, Any]]:
        """What the JSON log has said; ends the log."""
        self.lines.close()
        return [json.loads(line) for line in self.log_path.read_bytes().splitlines()]


LOOP: dict[str, Any] = {
    "loop": "front-page",
    "context": {
        "hour": {"type": "integer", "min": 0, "max": 23},
        "device": {"type": "category", "values": ["phone", "tablet", "desktop"]},
        "note": {"type": "text", "optional": True},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold", "playful"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}, "dwell_s": {"type": "number", "min": 0, "take": "last"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m"},
    "baseline": "calm",
    "aliases": ["home"],
}
CONTEXT = {"hour": 9, "device": "phone"}


def apply_loop(folder: Path, **changes: Any) -> None:
    """Apply the loop in the data folder of the project in `folder`."""
    with open_deployment(Home(with_records(folder / "data"))) as deployment:
        deployment.registry.apply(read_spec(LOOP | changes))


@contextmanager
def running_app(folder: Path, *, level: str = "debug", **settings: Any) -> Iterator[RunningApp]:
    """Start the application on the project in `folder`, and end it cleanly."""
    flags = {"home.path": "data", "log.low_water_bytes": 0, "server.log_level": level} | settings
    log_path = folder / "stderr.log"
    fd = os.open(log_path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    clock = SystemClock()
    lines = LogLines(fd, clock=clock, worker="0", level=level)
    app = create_app(read_settings(folder, {}, flags=flags), clock=clock, lines=lines, worker="0")
    with asyncio.Runner() as runner:
        said: asyncio.Queue[Any] = asyncio.Queue()
        to_app: asyncio.Queue[Any] = asyncio.Queue()

        async def start() -> asyncio.Task[None]:
            task = asyncio.create_task(app({"type": "lifespan"}, to_app.get, said.put))
            await to_app.put({"type": "lifespan.startup"})
            message = await said.get()
            assert message["type"] == "lifespan.startup.complete", message
            return task

        async def stop(task: asyncio.Task[None]) -> None:
            await to_app.put({"type": "lifespan.shutdown"})
            await task

        living = runner.run(start())
        try:
            yield RunningApp(app, runner, log_path, lines)
        finally:
            runner.run(stop(living))
            lines.close()
            os.close(fd)
