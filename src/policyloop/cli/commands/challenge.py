"""Let another recipe challenge the one that serves: it goes live only when it is proven better."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.core.errors import Fault, Invalid
from policyloop.core.model import short
from policyloop.registry.changes import changes_between
from policyloop.registry.recipes import read_recipe
from policyloop.run.apply import check_plugins
from policyloop.run.challenges import challenging
from policyloop.run.challenges.gate_state import gate_state
from policyloop.run.episodes import challenging as episode_challenging


def run(
    loop: LoopName,
    recipe: Annotated[
        Path | None,
        typer.Option("--recipe", help="YAML with what is to differ: learner, explore, reward, context.", show_default=False),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="In a loop with episodes: the digest of a model, or its start.", show_default=False),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="Your reason; it is kept with the challenge.")] = "no reason given",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be tried, and begin nothing.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Let another recipe challenge the one that serves: it goes live only when it is proven better.

    A recipe is trained, asked beside the champion, given a small share of the decisions, then half of them; what it earns is
    looked at all the time, and a tie never goes live. In a loop with episodes a published model challenges: it is asked, and
    when you agree it plays a small share of the episodes, from the first step to the last. `policyloop gate status LOOP` tells
    where it stands.
    """
    if (recipe is None) == (model is None):
        given = "both are given" if recipe is not None else "neither is given"
        raise Invalid([Fault("--recipe, --model", f"{given}; expected one of the two: a recipe's file, or a model's digest.")])
    if model is not None:
        _begin_model(loop, model, why=why, home=home, is_dry_run=dry_run, as_json=as_json)
        return
    assert recipe is not None
    text = _text_of(recipe)
    with open_project(home) as deployment:
        standing = deployment.registry.standing(loop)
        spec = read_recipe(text, standing.spec)
        check_plugins(spec)
        changes = [str(change).split(" (")[0] for change in changes_between(standing.spec, spec)]
        row = None if dry_run else challenging.begin(deployment, loop, text, why=why)
        state = gate_state(deployment, loop)
    if as_json:
        write_json({"changes": changes, "challenge": None if row is None else state.challenge})
        return
    for change in changes:
        typer.echo(change)
    if row is None:
        typer.echo("Nothing was begun.")
        return
    name, share = standing.spec.loop, f"{100 * spec.gate.canary:g} %"
    typer.echo(
        f"Challenge {row.id} of loop '{name}' began. Its first model is trained next; then it is asked beside the champion, "
        f"then it decides {share} until it is proven, or not. `policyloop gate status {name}` tells."
    )


def _begin_model(loop: str, model: str, *, why: str, home: Path | None, is_dry_run: bool, as_json: bool) -> None:
    """Let a model challenge what decides now in a loop with episodes."""
    with open_project(home) as deployment:
        found, _ = episode_challenging.find_challenger(deployment, loop, model)
        row = None if is_dry_run else episode_challenging.begin(deployment, loop, found.model, why=why)
        state = gate_state(deployment, loop)
    if as_json:
        write_json({"model": found.model, "challenge": None if row is None else state.challenge})
    elif row is None:
        typer.echo(f"model {short(found.model)} is {found.state}, and may challenge. Nothing was begun.")
    else:
        typer.echo(
            f"Challenge {row.id} of loop '{found.loop}' began: model {short(found.model)} is asked beside what decides now. "
            f"Then it waits for your word to play episodes of its own. `policyloop gate status {found.loop}` tells."
        )


def _text_of(recipe: Path) -> str:
    """What stands in the recipe's file."""
    try:
        return recipe.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Invalid([Fault("--recipe", f"is '{recipe}', which cannot be read: {reason}; expected a YAML file.")]) from None
