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
from policyloop.run.questions.rebuild import Rebuilt, rebuild
from policyloop.serve.box_replay import BoxReplay
from policyloop.serve.replay import Replay

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
    made = found.replay
    if as_json:
        write_json(_numbers_as_json(found, made) if isinstance(made, BoxReplay) else _as_json(found, made))
    else:
        _show(found)
    if not found.replay.agrees:
        raise typer.Exit(1)


def _show(found: Rebuilt) -> None:
    decision = found.decision
    who = short(decision.policy)
    typer.echo(f"decision {decision.decision_id} of loop '{decision.loop}', {moment(decision.decided_at)} UTC, by {who}")
    typer.echo(f"context {decision.context}")
    if isinstance(found.replay, BoxReplay):
        _show_numbers(found, found.replay)
    else:
        _show_labels(found, found.replay)
    for sentence in found.replay.sentences():
        typer.echo(sentence)
    typer.echo("They agree." if found.replay.agrees else "They do NOT agree.")


def _show_numbers(found: Rebuilt, made: BoxReplay) -> None:
    """The values, logged and made again."""
    decision, again = found.decision, made.drawn or {}
    rows = [(name, str(value), str(again.get(name, ""))) for name, value in made.logged.items()]
    write_table(("part", "logged", "made again"), rows)
    density = "" if decision.density is None else msgspec.json.encode(decision.density).decode()
    typer.echo(f"{decision.propensity_kind} {decision.propensity:.6g}, drawn from {density or 'what nobody logged'}")


def _show_labels(found: Rebuilt, made: Replay) -> None:
    """The probabilities, logged and made again."""
    decision, names = found.decision, found.names
    logged = decision.probabilities() if decision.pmf is not None else [None] * len(names)
    again = made.pmf or [None] * len(names)
    taken = decision.action[0]
    likeliest = sorted(range(len(names)), key=lambda place: (place != taken, -(logged[place] or 0.0)))[:_MAX_ROWS]
    rows = [
        (names[place], _share(logged[place]), _share(again[place]), "taken" if place == taken else "")
        for place in sorted(likeliest)
    ]
    write_table(("action", "logged", "made again", ""), rows)
    if len(names) > _MAX_ROWS:
        typer.echo(f"and {len(names) - _MAX_ROWS:,} less likely ones")


def _share(probability: float | None) -> str:
    return "" if probability is None else f"{probability:.6f}"


def _common(found: Rebuilt) -> dict[str, Any]:
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
        "propensity": decision.propensity,
    }


def _numbers_as_json(found: Rebuilt, made: BoxReplay) -> dict[str, Any]:
    decision = found.decision
    return {
        **_common(found),
        "values": made.logged,
        "propensity_kind": decision.propensity_kind,
        "action_value_estimate": decision.action_value_estimate,
        "logged": decision.density,
        "made_again": made.drawn,
    }


def _as_json(found: Rebuilt, made: Replay) -> dict[str, Any]:
    decision = found.decision
    return {
        **_common(found),
        "action": found.names[decision.action[0]],
        "ranking": [found.names[place] for place in decision.action],
        "logged": decision.probabilities() if decision.pmf is not None else None,
        "made_again": made.pmf,
        **({} if decision.action_value_estimate is None else {"action_value_estimate": decision.action_value_estimate}),
    }
