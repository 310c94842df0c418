"""Take the champion back: the model before it decides again, or the baseline."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.cli.options import HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.words import short


def run(
    loop: LoopName,
    why: Annotated[str, typer.Option("--why", help="Your reason; it is kept with the verdict.")] = "no reason given",
    home: HomeFolder = None,
) -> None:
    """Take the champion back: the model before it decides again, or the baseline."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        row = deployment.registry.roll_back_by_person(standing.spec.loop, why=why)
    typer.echo(f"{row.loop}: {short(row.champion)} decides now; model {short(standing.champion)} is taken back.")
