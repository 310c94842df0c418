"""Say what each field is worth to a model, with intervals, and name fields that are unused or know too much."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.core.estimate import Estimate
from policyloop.core.model import short
from policyloop.evaluate.importance import Importance
from policyloop.run.questions.importance import Weighed, importance_of


def run(
    loop: LoopName,
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="Its digest or the start of it, previous or anchor.", show_default=False),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say what each field is worth to a model; the champion by default.

    A field's values are dealt out anew among decisions that the model did not learn from: what would the policy have earned
    less then, and how much worse are rewards foretold? Fields that are unused, or that know too much, are named.
    """
    with open_project(home) as deployment:
        found = importance_of(deployment, loop, model)
    if as_json:
        write_json(_as_map(found))
        return
    typer.echo(
        f"model {short(found.model)} of loop '{found.loop}', asked about {found.n:,} examples that it did not learn from"
    )
    typer.echo("")
    write_table(("field", "reward lost without", "error risen by", "explains alone", ""), [_cells(one) for one in found.fields])
    typer.echo("± is half of a 95 % interval; errors are shares of the reward's variance.")
    typer.echo("")
    for sentence in found.sentences():
        typer.echo(sentence)


def _cells(one: Importance) -> tuple[str, ...]:
    kind = "leaking?" if one.is_leaking else "unused" if one.is_unused else "used" if one.is_used else "not clear"
    share = 100 / one.variance if one.variance else 0.0
    lost, risen = one.value, one.error
    return (
        one.name,
        f"{lost.value:+.4f} ± {_half(lost):.4f}",
        f"{share * risen.value:+.1f} % ± {share * _half(risen):.1f}",
        _alone(one),
        kind,
    )


def _half(estimate: Estimate) -> float:
    """Half of the 95 % interval."""
    low, high = estimate.interval()
    return (high - low) / 2


def _alone(one: Importance) -> str:
    return "" if one.alone is None else f"{100 * max(one.alone.explained, 0.0):.0f} %"


def _as_map(found: Weighed) -> dict[str, Any]:
    return {
        "loop": found.loop,
        "model": found.model,
        "n": found.n,
        "fields": [_field(one) for one in found.fields],
        "sentences": found.sentences(),
    }


def _field(one: Importance) -> dict[str, Any]:
    return {
        "field": one.name,
        "reward_lost": _numbers(one.value),
        "error_risen": _numbers(one.error),
        "error_risen_share": one.error.value / one.variance if one.variance else None,
        "explained_alone": None if one.alone is None else one.alone.explained,
        "in_order_alone": None if one.alone is None else one.alone.in_order,
        "used": one.is_used,
        "unused": one.is_unused,
        "leaking": one.is_leaking,
    }


def _numbers(estimate: Estimate) -> dict[str, float]:
    low, high = estimate.interval()
    return {"value": estimate.value, "stderr": estimate.stderr, "low": low, "high": high}
