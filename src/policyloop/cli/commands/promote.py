"""Make a model champion by hand, whatever the gate said of it."""

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
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its digest, or the start of it.", show_default=False)],
    why: Annotated[str, typer.Option("--why", help="Your reason; it is kept with the verdict.")] = "no reason given",
    unseen: Annotated[
        bool, typer.Option("--unseen", help="Also a model that was chosen offline, which nobody has seen act.")
    ] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a model champion by hand, whatever the gate said of it; `policyloop rollback` takes it back."""
    with open_project(home) as deployment:
        name = deployment.registry.standing(loop).spec.loop
        found = deployment.registry.find(name, model)
        row = deployment.registry.promote_by_person(name, found.model, why=why, is_unseen_fine=unseen)
    if as_json:
        write_json(standing_as_map(row))
        return
    typer.echo(f"{name}: model {short(row.champion)} decides now; before it, {short(row.previous)} did.")
