"""Apply the loops of this folder and run everything: servers and worker, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from policyloop.cli.options import HomeFolder
from policyloop.cli.project import deployment_of, loop_files, read_specs, settings_of
from policyloop.cli.screen import write_note
from policyloop.core.errors import BadSetting, SpecRefused
from policyloop.core.loop import LoopSpec
from policyloop.core.settings import Settings
from policyloop.core.spec_warnings import warnings_of
from policyloop.run.apply import apply_spec, check_plugins
from policyloop.run.deployment import Deployment
from policyloop.run.notices.webhook import receiver_of
from policyloop.run.supervisor import supervise
from policyloop.server.origin import loopback_address

_LOOK_EVERY_S = 0.05  # for the first server to listen


def run(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Loop files; all of this folder by default.")
    ] = None,
    home: HomeFolder = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.", show_default=False)] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Server processes.", show_default=False)] = None,
) -> None:
    """Apply the loops of this folder, then serve, join, train and judge until Ctrl-C or SIGTERM."""
    settings = settings_of(home, {"server.port": port, "server.workers": workers})
    host = loopback_address(settings["server.host"])
    specs = read_specs(files or loop_files(Path.cwd()), settings)
    for spec in specs:
        check_plugins(spec)
    _check_port(host, settings["server.port"])
    receiver_of(settings)  # a receiver that cannot be told ends this command, and not the worker again and again
    with deployment_of(settings) as deployment:
        for spec in specs:
            _apply(deployment, spec)
        loops = sorted(deployment.registry.standings())
    serves = f"policyloop serves {_told(loops)} on {_address(settings)} (what can be asked: {_address(settings)}/docs)."
    threading.Thread(target=_tell_once_it_listens, args=(host, settings["server.port"], serves), daemon=True).start()
    sys.exit(supervise(_commands(settings), tell=write_note))


def _apply(deployment: Deployment, spec: LoopSpec) -> None:
    for warning in warnings_of(spec):
        write_note(f"note: loop '{spec.loop}': {warning}")
    try:
        applied = apply_spec(deployment, spec)
    except SpecRefused as error:  # the other loops are to run whatever one file says
        write_note(f"loop '{spec.loop}' goes on with the spec that holds; its file was not applied: {error.message}")
        return
    if applied.is_changed:
        write_note(f"applied version {applied.version} of loop '{spec.loop}'.")


def _commands(settings: Settings) -> list[list[str]]:
    """The command lines of the children."""
    policyloop = [sys.executable, "-m", "policyloop"]
    place = ["--home", str(settings.home.path), "--under-supervisor"]
    address = ["--host", settings["server.host"], "--port", str(settings["server.port"])]
    serving = [[*policyloop, "serve", *place, *address, "--worker", str(n)] for n in range(settings["server.workers"])]
    return [*serving, [*policyloop, "work", *place]]


def _check_port(host: str, port: int) -> None:
    """Servers share their port, so another deployment on it would go unnoticed."""
    if port == 0:
        raise BadSetting("server.port is 0, and the servers must share one; expected a free port, such as 8900.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadSetting(
                f"server.port is {port}, which cannot be used: {error.strerror}; is `policyloop up` running already? "
                f"Choose another with --port."
            ) from error


def _tell_once_it_listens(host: str, port: int, sentence: str) -> None:
    """Say the sentence when the first server takes connections; who reads it may ask at once."""
    while True:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(_LOOK_EVERY_S)
        else:
            write_note(sentence)
            return


def _address(settings: Settings) -> str:
    host = settings["server.host"]
    return f"http://{f'[{host}]' if ':' in host else host}:{settings['server.port']}"


def _told(loops: Sequence[str]) -> str:
    if not loops:
        return "no loop yet (`policyloop init my-loop` writes one, `policyloop apply` adds it)"
    return ("loop " if len(loops) == 1 else "loops ") + ", ".join(loops)
