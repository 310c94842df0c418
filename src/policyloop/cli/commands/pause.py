"""Let the baseline decide in a loop, on every server process within a second; logging goes on."""

from __future__ import annotations

import typer

from policyloop.cli.options import HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.words import short


def run(loop: LoopName, home: HomeFolder = None) -> None:
    """Let the baseline decide in a loop, on every server process within a second; logging goes on."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        row = deployment.registry.pause(standing.spec.loop)
    typer.echo(
        f"{row.loop}: paused. The baseline '{standing.spec.baseline}' decides until `policyloop resume {row.loop}`; "
        f"the champion is still {short(row.champion)}."
    )
