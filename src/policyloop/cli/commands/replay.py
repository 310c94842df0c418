"""Make a logged decision again, and say whether log, key and model agree on it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import moment
from policyloop.core.clock import iso
from policyloop.core.model import short
from policyloop.run.rebuild import Rebuilt, rebuild

_MAX_ROWS = 30  # actions shown


def run(
    decision_id: Annotated[str, typer.Argument(metavar="ID", help="A decision_id that decide answered.", show_default=False)],
    loop: Annotated[str | None, typer.Option("--loop", help="Where it was made; all by default.", show_default=False)] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make a logged decision again, and say whether log, key and model agree on it; leaves with 1 when they do not."""
    with open_project(home) as deployment:
        found = rebuild(deployment, decision_id, loop=loop)
    if as_json:
        write_json(_as_json(found))
    else:
        _show(found)
    if not found.replay.agrees:
        raise typer.Exit(1)


def _show(found: Rebuilt) -> None:
    decision, names = found.decision, found.names
    who = short(decision.policy)
    typer.echo(f"decision {decision.decision_id} of loop '{decision.loop}', {moment(decision.decided_at)} UTC, by {who}")
    typer.echo(f"context {decision.context}")
    logged = decision.probabilities() if decision.pmf is not None else [None] * len(names)
    again = found.replay.pmf or [None] * len(names)
    taken = decision.action[0]
    likeliest = sorted(range(len(names)), key=lambda place: (place != taken, -(logged[place] or 0.0)))[:_MAX_ROWS]
    rows = [
        (names[place], _share(logged[place]), _share(again[place]), "taken" if place == taken else "")
        for place in sorted(likeliest)
    ]
    write_table(("action", "logged", "made again", ""), rows)
    if len(names) > _MAX_ROWS:
        typer.echo(f"and {len(names) - _MAX_ROWS:,} less likely ones")
    for sentence in found.replay.sentences():
        typer.echo(sentence)
    typer.echo("They agree." if found.replay.agrees else "They do NOT agree.")


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.6f}"


def _as_json(found: Rebuilt) -> dict[str, Any]:
    decision = found.decision
    return {
        "agrees": found.replay.agrees,
        "findings": found.replay.sentences(),
        "decision_id": decision.decision_id,
        "loop": decision.loop,
        "decided_at": iso(decision.decided_at),
        "policy": decision.policy,
        "spec": decision.spec,
        "context": msgspec.json.decode(decision.context),
        "action": found.names[decision.action[0]],
        "ranking": [found.names[place] for place in decision.action],
        "propensity": decision.propensity,
        "logged": decision.probabilities() if decision.pmf is not None else None,
        "made_again": found.replay.pmf,
    }
