"""List a loop's models, or show the card of one."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import age, verdict_as_map
from policyloop.core.clock import iso
from policyloop.core.errors import BadModel, UnknownModel
from policyloop.core.model import short
from policyloop.registry.card import card
from policyloop.registry.lineage import ancestors
from policyloop.registry.loop_rows import LoopRow
from policyloop.registry.model_rows import ModelRow
from policyloop.registry.registry import POINTERS, Standing
from policyloop.run.deployment import Deployment


def run(
    loop: LoopName,
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="Show the card of this model: a digest, the start of one, champion, previous or anchor.",
            show_default=False,
        ),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """List a loop's models, newest first; or show the card of one."""
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        if model is not None:
            _show_one(deployment, standing, model, as_json=as_json)
            return
        rows = deployment.registry.models(standing.spec.loop)[::-1]
        learners = {row.model: _learner_of(deployment, row) for row in rows}
        if as_json:
            write_json([{**_as_map(row, standing.row), "learner": learners[row.model]} for row in rows])
            return
        if not rows:
            typer.echo(f"loop '{standing.spec.loop}' has no model yet; the baseline '{standing.spec.baseline}' decides.")
            return
        now_us = deployment.clock.now_us()
        write_table(
            ("model", "state", "is", f"{standing.spec.learns_from}s", "made", "trained beside", "learner"),
            [
                (
                    short(row.model),
                    row.state,
                    ", ".join(_pointers_to(row.model, standing.row)),
                    f"{row.n_examples:,}",
                    age(row.created_at, now_us),
                    short(row.parent),
                    learners[row.model] or "",
                )
                for row in rows
            ],
        )


def _learner_of(deployment: Deployment, row: ModelRow) -> str | None:
    """The name of the learner that made it; None where its files are not whole any more."""
    try:
        name = deployment.registry.load(row.loop, row.model).manifest.learner.get("name")
    except (UnknownModel, BadModel):
        return None
    return None if name is None else str(name)


def _pointers_to(model: str, row: LoopRow) -> list[str]:
    """Which of champion, previous and anchor this model is."""
    return [pointer for pointer in POINTERS if getattr(row, pointer) == model]


def _as_map(row: ModelRow, standing: LoopRow) -> dict[str, Any]:
    return {
        "model": row.model,
        "state": row.state,
        "is": _pointers_to(row.model, standing),
        "examples": row.n_examples,
        "created_at": iso(row.created_at),
        "parent": row.parent,
        "spec": row.spec,
        "recipe": row.recipe,
    }


def _show_one(deployment: Deployment, standing: Standing, name: str, *, as_json: bool) -> None:
    """The model's card, in Markdown; or what it is made of, in JSON."""
    registry, loop = deployment.registry, standing.spec.loop
    row = registry.find(loop, name)
    manifest = registry.load(loop, row.model).manifest
    verdicts, chosen = registry.verdicts(loop, model=row.model), registry.offline_choice(loop, row.model)
    if as_json:
        told = [verdict_as_map(found) for found in verdicts]
        write_json({**_as_map(row, standing.row), "manifest": manifest, "verdicts": told, "chosen": chosen})
        return
    line = ancestors(registry.models(loop), row.model)
    typer.echo(card(row, manifest, line=line, verdicts=verdicts, chosen=chosen, unit=standing.spec.learns_from), nl=False)
