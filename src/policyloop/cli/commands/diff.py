"""Say which share of logged decisions would change if one model served instead of another, with the largest changes."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.since import Since, since_us
from policyloop.cli.words import counted
from policyloop.core.errors import Fault, Invalid
from policyloop.core.model import short
from policyloop.run.questions.model_diff import ModelDiff, diff

_MOVES_SHOWN = 10
_CONTEXT_SHOWN = 100  # characters
_NAMED = "a digest, the start of one, champion, previous, anchor or baseline."


def run(
    model_a: Annotated[str, typer.Argument(metavar="MODEL_A", help=f"Who serves: {_NAMED}", show_default=False)],
    model_b: Annotated[str, typer.Argument(metavar="MODEL_B", help=f"Who would: {_NAMED}", show_default=False)],
    since: Since = "7d",
    loop: Annotated[
        str | None, typer.Option("--loop", help="Of which loop; needed where the models do not say.", show_default=False)
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say which share of logged decisions would change if MODEL_B served instead of MODEL_A, with the 20 largest changes.

    A decision changes when another action is the most probable one. How much probability moves is told beside it, as
    total variation: so many of the drawn actions would be others, at least.
    """
    with open_project(home) as deployment:
        if model_a in deployment.registry.standings():
            told = f"is '{model_a}', a loop; expected a model: policyloop diff {model_b} MODEL_B --loop {model_a}"
            raise Invalid([Fault("MODEL_A", told)])
        now_us = deployment.clock.now_us()
        found = diff(deployment, model_a, model_b, loop=loop, since=since_us(since, now_us=now_us))
    if as_json:
        write_json(_as_json(found))
        return
    _show(found, since)


def _show(diff: ModelDiff, since: str) -> None:
    found, questions = diff.found, diff.questions
    before, after = short(diff.before), short(diff.after)
    asked = "" if questions.n_logged == found.n else f" of {questions.n_logged:,}"
    typer.echo(f"{diff.loop}: {counted(found.n, 'decision')}{asked} of the last {since}, {after} instead of {before}")
    typer.echo(
        f"{found.share_changed:.1%} would change their most probable action ({found.n_changed:,}); on average "
        f"{found.mean_moved:.1%} of the probability moves."
    )
    if found.moves:
        typer.echo("")
        rows = [(one, other, f"{n:,}", f"{n / found.n:.1%}") for one, other, n in found.moves[:_MOVES_SHOWN]]
        rest = found.moves[_MOVES_SHOWN:]
        n_rest = sum(n for _, _, n in rest)
        rows += [(f"{len(rest)} other moves", "", f"{n_rest:,}", f"{n_rest / found.n:.1%}")] if rest else []
        write_table(("from", "to", "decisions", "share"), rows)
    if found.largest:
        typer.echo("\nWhere most moves:")
    for change in found.largest:
        one, other = questions.name_of(change.row, change.before), questions.name_of(change.row, change.after)
        bests = f"{one} {change.before_prob:.2f} -> {other} {change.after_prob:.2f}"
        typer.echo(f"{change.moved:6.1%}  {bests}  {questions.ids[change.row]}")
        typer.echo(f"        {_cut(msgspec.json.encode(questions.contexts[change.row]).decode())}")


def _cut(text: str) -> str:
    return text if len(text) <= _CONTEXT_SHOWN else text[: _CONTEXT_SHOWN - 3] + "..."


def _as_json(diff: ModelDiff) -> dict[str, Any]:
    found, questions = diff.found, diff.questions
    return {
        "loop": diff.loop,
        "before": diff.before,
        "after": diff.after,
        "n_decisions": found.n,
        "n_logged": questions.n_logged,
        "n_changed": found.n_changed,
        "share_changed": found.share_changed,
        "mean_total_variation": found.mean_moved,
        "moves": [{"from": one, "to": other, "n": n} for one, other, n in found.moves],
        "largest": [
            {
                "decision_id": questions.ids[change.row],
                "context": questions.contexts[change.row],
                "before": {"action": questions.name_of(change.row, change.before), "probability": change.before_prob},
                "after": {"action": questions.name_of(change.row, change.after), "probability": change.after_prob},
                "total_variation": change.moved,
            }
            for change in found.largest
        ],
    }
