"""Let the champion of a paused loop decide again."""

from __future__ import annotations

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.cli.words import standing_as_map
from policyloop.core.model import short


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Let the champion of a paused loop decide again."""
    with open_project(home) as deployment:
        row = deployment.registry.resume(deployment.registry.standing(loop).spec.loop)
    if as_json:
        write_json(standing_as_map(row))
        return
    typer.echo(f"{row.loop}: {short(row.champion)} decides again.")
