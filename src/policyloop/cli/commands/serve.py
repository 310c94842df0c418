"""Run one server process; `policyloop up` runs several."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from policyloop.cli.options import HomeFolder, UnderSupervisor
from policyloop.cli.project import settings_of
from policyloop.run.supervisor import stop_with_supervisor
from policyloop.server.worker import serve


def run(
    home: HomeFolder = None,
    host: Annotated[str | None, typer.Option("--host", help="Loopback address to listen on.", show_default=False)] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port to listen on; several may share it.", show_default=False)
    ] = None,
    worker: Annotated[str, typer.Option("--worker", help="Its name in metrics and log lines; unlike all others'.")] = "0",
    under_supervisor: UnderSupervisor = False,
) -> None:
    """Run one server process until SIGTERM: it answers what it began, seals its log and leaves with 0."""
    settings = settings_of(home, {"server.host": host, "server.port": port})
    if under_supervisor:
        stop_with_supervisor()
    sys.exit(serve(settings, host=settings["server.host"], port=settings["server.port"], worker=worker))
