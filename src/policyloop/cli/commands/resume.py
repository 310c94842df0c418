"""Let the champion of a paused loop decide again."""

from __future__ import annotations

import typer

from policyloop.cli.options import HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.words import short


def run(loop: LoopName, home: HomeFolder = None) -> None:
    """Let the champion of a paused loop decide again."""
    with open_project(home) as deployment:
        row = deployment.registry.resume(deployment.registry.standing(loop).spec.loop)
    typer.echo(f"{row.loop}: {short(row.champion)} decides again.")
