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
        spec = deployment.registry.standing(loop).spec
        name, has_episodes = spec.loop, spec.episodes is not None
        digest = None if model is None else deployment.registry.find(name, model).model
        rows = deployment.registry.verdicts(name, model=digest, limit=limit)
        has_moves = bool(deployment.registry.challenges.moves(name, limit=1))
    if as_json:
        write_json([verdict_as_map(row) for row in rows])
    elif not rows:
        typer.echo(_none_told(name, has_episodes=has_episodes, has_moves=has_moves))
    else:
        write_table(
            ("at (UTC)", "kind", "verdict", "model", "why"),
            [
                (moment(row.at), row.verdict.kind, row.verdict.call, short(row.verdict.model or None), row.verdict.sentence)
                for row in rows
            ],
        )


def _none_told(loop: str, *, has_episodes: bool, has_moves: bool) -> str:
    """Why there is none, and where what was said of challenges is."""
    if has_moves:
        return f"loop '{loop}' has no verdict on what is live yet; `policyloop gate history {loop}` has those on challenges."
    first = "what goes live, by a challenge or a person" if has_episodes else "the first model"
    return f"loop '{loop}' has no verdict yet; the first comes with {first}."
