"""Write a loop's report as one HTML page: what it earned, what went live, reward over time, join health, action shares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from policyloop.care.report import Report, nothing_since, report_of
from policyloop.care.report_page import page_of
from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.cli.since import Since, since_us
from policyloop.cli.words import counted
from policyloop.core.errors import Fault, Invalid

_TO_STDOUT = Path("-")


def run(
    loop: LoopName,
    since: Since = "7d",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write; - is standard output. [default: LOOP-report.html]", show_default=False),
    ] = None,
    film: Annotated[
        Path | None, typer.Option("--film", help="An animated GIF to show in it, such as `demo` makes.", show_default=False)
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a loop's report as one HTML page that needs nothing beside itself.

    What it earned beside its baseline and what exploring cost, what went live and why, reward over time with its interval,
    the shares of the actions, and how outcomes were joined; of a loop with episodes what whole episodes returned, who played
    them, how they ended, and the learning curves of all runs. With --json its numbers go to standard output and no page is
    written.
    """
    with open_project(home) as deployment:
        report = report_of(deployment, loop, since=since_us(since, now_us=deployment.clock.now_us()))
    if as_json:
        write_json(report)
        return
    page = page_of(report, film=None if film is None else _film(film))
    if out == _TO_STDOUT:
        sys.stdout.write(page.decode())
        return
    file = out or Path(f"{report.loop}-report.html")
    try:
        file.write_bytes(page)
    except OSError as error:
        raise Invalid([Fault("--out", f"is '{file}', which cannot be written: {error.strerror}.")]) from None
    typer.echo(f"{file}: {_counted(report)} of loop '{report.loop}' since {since} ago, {len(page) / 1024:,.0f} KiB")
    if told := nothing_since(report):
        typer.echo(told)


def _counted(report: Report) -> str:
    decisions = counted(report.n, "decision")
    if report.episodes is None or not report.n:
        return decisions
    return f"{decisions} and {counted(report.episodes.n, 'episode')} that {'is' if report.episodes.n == 1 else 'are'} over"


def _film(file: Path) -> bytes:
    """The bytes of an animated GIF."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Invalid([Fault("--film", f"is '{file}', which cannot be read: {error.strerror}.")]) from None
    if not data.startswith(b"GIF8"):
        raise Invalid([Fault("--film", f"is '{file}', which is no GIF.")])
    return data
