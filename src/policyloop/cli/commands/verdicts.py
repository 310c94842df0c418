"""Show what the gate, or a person, decided about a loop's models, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import moment, verdict_as_map
from policyloop.core.model import short


def run(
    loop: LoopName,
    model: Annotated[str | None, typer.Option("--model", help="Only those about this model.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show what the gate, or a person, decided about a loop's models, and why; newest first."""
    with open_project(home) as deployment:
        name = deployment.registry.standing(loop).spec.loop
        digest = None if model is None else deployment.registry.find(name, model).model
        rows = deployment.registry.verdicts(name, model=digest, limit=limit)
    if as_json:
        write_json([verdict_as_map(row) for row in rows])
    elif not rows:
        typer.echo(f"loop '{name}' has no verdict yet; the first comes with the first model.")
    else:
        write_table(
            ("at (UTC)", "kind", "verdict", "model", "why"),
            [
                (moment(row.at), row.verdict.kind, row.verdict.call, short(row.verdict.model or None), row.verdict.sentence)
                for row in rows
            ],
        )
