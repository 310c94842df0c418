"""Say how many decisions and days until a challenger that truly earns so much more would be found."""

from __future__ import annotations

import math
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.run.challenges.planned import Outlook, Plan
from policyloop.run.challenges.planning import n_shares, plan


def run(
    loop: LoopName,
    lift: Annotated[float, typer.Option("--lift", help="What the challenger truly earns more a decision.", show_default=False)],
    canary: Annotated[
        float | None, typer.Option("--canary", help="Its share of the traffic; as the loop has it.", show_default=False)
    ] = None,
    floor: Annotated[
        float | None, typer.Option("--floor", help="Of the explorer; as the loop has it.", show_default=False)
    ] = None,
    power: Annotated[float, typer.Option("--power", help="Share of such challengers that should be found.")] = 0.8,
    events: Annotated[int, typer.Option("--events", help="Decisions after which a challenge is given up.")] = 30_000,
    runs: Annotated[int, typer.Option("--runs", help="Challenges played for each share of the traffic.")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    per_day: Annotated[
        float | None, typer.Option("--per-day", help="Decisions a day; as the log has them.", show_default=False)
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Say how many decisions and days until a challenger that truly earns so much more would be found.

    Challengers of exactly that lift are played in a twin of the loop, made of its own log, through the gate's own evidence
    and rule, with several shares of the traffic to choose from. No traffic is touched.
    """
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with open_project(home) as deployment, Progress(*bar, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("Playing", total=runs * n_shares(deployment, loop, canary))
        found = plan(
            deployment,
            loop,
            lift=lift,
            canary=canary,
            floor=floor,
            power=power,
            events=events,
            runs=runs,
            seed=seed,
            per_day=per_day,
            on_run=lambda _: progress.advance(task),
        )
    if as_json:
        write_json(_as_json(found))
        return
    for sentence in found.sentences():
        typer.echo(sentence)
    typer.echo(f"\nDecisions until so many of the challenges are proven, and days for {100 * found.power:g} %:")
    columns = ("canary", f"by {found.events:,}", "95 % interval", "50 %", f"{100 * found.power:g} %", "90 %", "days")
    write_table(columns, [_cells(one, found) for one in found.outlooks])


def _cells(one: Outlook, found: Plan) -> tuple[str, ...]:
    days = found.days(one.until(found.power))
    return (
        f"{100 * one.canary:g} %",
        f"{100 * one.promoted:.0f} %",
        f"{100 * one.promoted_low:.0f} - {100 * one.promoted_high:.0f} %",
        *(_count(one.until(share), found) for share in (0.5, found.power, 0.9)),
        "" if days is None else f"{days:.1f}",
    )


def _count(decisions: float, found: Plan) -> str:
    return f"{decisions:,.0f}" if math.isfinite(decisions) else f"> {found.events:,}"


def _as_json(found: Plan) -> dict[str, Any]:
    return {
        "loop": found.spec.loop,
        "lift": found.lift,
        "true_lift": found.chosen.true_lift,
        "floor": found.floor,
        "canary": found.canary,
        "hold_out": found.spec.gate.hold_out,
        "rule": found.spec.gate.challenge.name,
        "rule_settings": dict(found.spec.gate.challenge.settings),
        "power": found.power,
        "events": found.events,
        "mean_reward": found.mean_reward,
        "n_examples": found.n_examples,
        "decisions_per_day": None if found.pace is None else found.pace.per_day,
        "sentences": found.sentences(),
        "outlooks": [_outlook(one, found) for one in found.outlooks],
    }


def _outlook(one: Outlook, found: Plan) -> dict[str, Any]:
    """JSON cannot say infinite: null where that share is never reached."""
    by_share = {"median": 0.5, "power": found.power, "p80": 0.8, "p90": 0.9}
    decisions = {name: one.until(share) for name, share in by_share.items()}
    return {
        "canary": one.canary,
        "runs": one.runs,
        "promoted": one.promoted,
        "promoted_low": one.promoted_low,
        "promoted_high": one.promoted_high,
        "retired": one.retired,
        "frozen": one.frozen,
        "decisions": {name: n if math.isfinite(n) else None for name, n in decisions.items()},
        "days": {name: found.days(n) for name, n in decisions.items()},
    }
