"""One server process: binds its own socket on the shared port, serves until it is told to end, drains and exits with 0.

Question answered: how is the application run? By uvicorn's event loop and parser with our own limits (`connection.py`);
by our own signals, since uvicorn's end a clean drain with 143; on loopback alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from types import FrameType

import uvicorn
import uvloop

from policyloop.core.clock import Clock, SystemClock
from policyloop.core.errors import BadSetting
from policyloop.core.settings import Settings
from policyloop.log.replay import last_time_us
from policyloop.server.app import App
from policyloop.server.connection import KEEP_ALIVE_S, Connection, cut_off_stalled
from policyloop.server.origin import loopback_address
from policyloop.server.request_log import JsonHandler, LogLines
from policyloop.server.routes import Routes, gather
from policyloop.server.service import Service

DRAIN_S = 25  # for what was begun; the supervisor waits 30
_SWEEP_S = 1.0
_BACKLOG = 2048
_STDERR = 2


def serve(settings: Settings, *, host: str, port: int, worker: str = "0") -> int:
    """Serve until SIGTERM or SIGINT; answers the exit code, 0 when everything that was begun has been answered.

    Args:
        settings: of the deployment; `home.path` is where log and records lie.
        host: a loopback address or `localhost`.
        port: shared by all workers of the machine; 0 takes a free one.
        worker: the name of this process in metrics and log lines; no two that run may have the same.

    Raises:
        BadSetting: the address is not loopback, or the port is taken.
    """
    listening = bind(host, port)
    clock = SystemClock(not_before_us=last_time_us(settings.home.log))
    lines = LogLines(_STDERR, clock=clock, worker=worker, level=settings["server.log_level"])
    logging.basicConfig(handlers=[JsonHandler(lines)], level=logging.WARNING, force=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_serve(listening, settings, clock, lines, worker))
    finally:
        lines.close()


def bind(host: str, port: int) -> socket.socket:
    """A socket on the shared port.

    Raises:
        BadSetting: the address is not loopback, or the port is taken by something else.
    """
    address = loopback_address(host)
    listening = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise BadSetting(f"server.port is {port}, which cannot be used: {error.strerror}; expected a free port.") from error
    listening.setblocking(False)
    return listening


def create_app(settings: Settings, *, clock: Clock, lines: LogLines, worker: str) -> App:
    """The application of one process; its log, records and deciders are opened by its lifespan."""
    rows = gather()
    return App(Service(settings, clock=clock, lines=lines, worker=worker, rows=rows), Routes(rows))


async def _serve(listening: socket.socket, settings: Settings, clock: Clock, lines: LogLines, worker: str) -> int:
    app = create_app(settings, clock=clock, lines=lines, worker=worker)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nobody's word is taken for where a request came from
        backlog=_BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )
    server = _Server(config, app.service)
    sweeping = asyncio.create_task(_sweep(server, app.service))
    await server.serve(sockets=[listening])
    sweeping.cancel()
    lines.tell("info", "ended", {})
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """uvicorn's server, with signals that lead to a clean end. The base class is uvicorn's own way to be embedded."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the application, listen, say so."""
        await super().startup(sockets)
        for listening in sockets or []:
            host, port = listening.getsockname()[:2]
            self._service.lines.tell("info", "serving", {"host": host, "port": port})

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT begin the drain, however often they come; the process ends by itself, with 0."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Not ready from now on; uvicorn looks at `should_exit` ten times a second."""
        self._service.is_draining = True
        self.should_exit = True


async def _sweep(server: _Server, service: Service) -> None:
    """Once a second: end connections that stall, and tell the other workers our numbers."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(_SWEEP_S)
        n = cut_off_stalled(server.server_state, now_s=loop.time())
        if n:
            service.numbers.cut_off.add(n=n)
