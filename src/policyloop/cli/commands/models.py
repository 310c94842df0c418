"""List a loop's models, or show the card of one."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import age, short
from policyloop.core.clock import iso
from policyloop.registry.card import card
from policyloop.registry.lineage import ancestors
from policyloop.registry.loop_rows import LoopRow
from policyloop.registry.registry import POINTERS
from policyloop.run.deployment import Deployment


def run(
    loop: LoopName,
    model: Annotated[
        str | None,
        typer.Argument(
            help="Show the card of this model: a digest, the start of one, champion, previous or anchor.", show_default=False
        ),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """List a loop's models, newest first; or show the card of one."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        if model is not None:
            typer.echo(_card(deployment, standing.spec.loop, model), nl=False)
            return
        rows = deployment.registry.models(standing.spec.loop)[::-1]
        if as_json:
            write_json(
                [
                    {
                        "model": row.model,
                        "state": row.state,
                        "is": _pointers_to(row.model, standing.row),
                        "examples": row.n_examples,
                        "created_at": iso(row.created_at),
                        "parent": row.parent,
                        "spec": row.spec,
                        "recipe": row.recipe,
                    }
                    for row in rows
                ]
            )
            return
        if not rows:
            typer.echo(f"loop '{standing.spec.loop}' has no model yet; the baseline '{standing.spec.baseline}' decides.")
            return
        now_us = deployment.clock.now_us()
        write_table(
            ("model", "state", "is", "examples", "made", "trained beside"),
            [
                (
                    short(row.model),
                    row.state,
                    ", ".join(_pointers_to(row.model, standing.row)),
                    f"{row.n_examples:,}",
                    age(row.created_at, now_us),
                    short(row.parent),
                )
                for row in rows
            ],
        )


def _pointers_to(model: str, row: LoopRow) -> list[str]:
    """Which of champion, previous and anchor this model is."""
    return [pointer for pointer in POINTERS if getattr(row, pointer) == model]


def _card(deployment: Deployment, loop: str, name: str) -> str:
    """The model's card, in Markdown."""
    registry = deployment.registry
    row = registry.find(loop, name)
    line = ancestors(registry.models(loop), row.model)
    return card(row, registry.load(loop, row.model).manifest, line=line, verdicts=registry.verdicts(loop, model=row.model))
