"""Let the baseline decide in a loop, on every server process within a second; logging goes on."""

from __future__ import annotations

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.cli.words import standing_as_map
from policyloop.core.model import short


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Let the baseline decide in a loop, on every server process within a second; logging goes on."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        row = deployment.registry.pause(standing.spec.loop)
    if as_json:
        write_json(standing_as_map(row))
        return
    typer.echo(
        f"{row.loop}: paused. The baseline '{standing.spec.baseline}' decides until `policyloop resume {row.loop}`; "
        f"the champion is still {short(row.champion)}."
    )
