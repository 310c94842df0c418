"""Bring home what a decider at the edge kept in its own log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.words import counted
from policyloop.run.edges.shipping import ship

_EXIT_LEFT = 1


def run(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="What the decider was given as log, or a copy of it.", show_default=False)
    ],
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring home what a decider at the edge kept in its own log; each segment comes in once, and then leaves the folder.

    Exit code 1: something stays where it is, and the reason is told.
    """
    with open_project(home) as deployment:
        taken = ship(deployment, folder)
    if as_json:
        write_json(asdict(taken))
    else:
        what = f"{counted(taken.n_decisions, 'decision')} and {counted(taken.n_outcomes, 'outcome')}"
        again = f"; {counted(taken.n_repeated, 'segment')} had come before" if taken.n_repeated else ""
        typer.echo(f"took {what} in {counted(taken.n_segments, 'segment')}{again}.")
        for why in taken.left:
            write_note(f"left: {why}")
    raise typer.Exit(_EXIT_LEFT if taken.left else 0)
