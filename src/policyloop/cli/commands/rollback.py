"""Take the champion back: the model before it decides again, or the baseline."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.cli.words import standing_as_map
from policyloop.core.model import short


def run(
    loop: LoopName,
    why: Annotated[str, typer.Option("--why", help="Your reason; it is kept with the verdict.")] = "no reason given",
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Take the champion back: the model before it decides again, or the baseline."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        row = deployment.registry.roll_back_by_person(standing.spec.loop, why=why)
    if as_json:
        write_json(standing_as_map(row))
        return
    typer.echo(f"{row.loop}: {short(row.champion)} decides now; model {short(standing.champion)} is taken back.")
