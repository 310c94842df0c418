"""Play worlds whose truth is known, in process, through the same functions that a deployment uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.core.errors import Fault, Invalid
from policyloop.run.challenges.planning import twin_maker, with_rule
from policyloop.simulate.dataset import Dataset, read
from policyloop.simulate.gate.play import GateResult, GateSettings, Run
from policyloop.simulate.gate.play import play as play_gate
from policyloop.simulate.ranking import RankingResult, RankingSettings
from policyloop.simulate.ranking import play as play_rankings
from policyloop.simulate.table import TableResult, TableSettings, play

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)

_GATES = ("no-harm", "point", "off")


@app.callback()
def _simulate() -> None:
    """Play worlds whose truth is known, in process, through the same functions that a deployment uses."""


@app.command()
def table(
    data: Annotated[
        Path, typer.Option("--data", help="A labelled CSV, TSV or space-separated table, or `digits`.", show_default=False)
    ],
    label: Annotated[str, typer.Option("--label", help="Column of the right action, or `last`.")] = "last",
    rounds: Annotated[
        int | None, typer.Option("--rounds", help="Batches; 15, or as many single decisions as those have.", show_default=False)
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", help="Decisions between two trainings; 1 learns from each at once.")
    ] = 500,
    warm_start: Annotated[int, typer.Option("--warm-start", help="Uniform decisions before the first model.")] = 100,
    limit: Annotated[
        int | None, typer.Option("--limit", help="At most so many decisions after the warm start.", show_default=False)
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Each row once, shuffled, instead of drawing with replacement.")] = False,
    learner: Annotated[str, typer.Option("--learner", help="Name of a learner.")] = "linear",
    explore: Annotated[str, typer.Option("--explore", help="Name of an explorer.")] = "squarecb",
    floor: Annotated[
        float, typer.Option("--floor", help="Probability mass that all actions share, whatever the model says.")
    ] = 0.02,
    split: Annotated[
        float, typer.Option("--split", help="Share of the decisions learned from; the rest is for the gate.")
    ] = 0.8,
    min_share: Annotated[
        float, typer.Option("--min-share", help="Leaves out rows of labels rarer than this; they stay actions.")
    ] = 0.0,
    gate: Annotated[str, typer.Option("--gate", help="no-harm, point or off.")] = "no-harm",
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Play a labelled table as a bandit problem: reward 1 for the right label, 0 for another, and only that is learned from."""
    if gate not in _GATES:
        raise Invalid([Fault("--gate", f"is '{gate}'; expected one of {', '.join(_GATES)}.")])
    dataset = read(data, label=label).without_rare(min_share)
    settings = TableSettings(
        rounds=rounds,
        batch_size=batch_size,
        warm_start=warm_start,
        limit=limit,
        once=once,
        learner=learner,
        explore=explore,
        floor=floor,
        split=split,
        gate=gate,  # type: ignore[arg-type]
        seed=seed,
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("reward {task.fields[reward]:.3f}"),
    )
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        result = _played(dataset, settings, progress)
    if as_json:
        write_json(result)
    else:
        write_table(("what", "value"), _rows(result))


@app.command()
def ranking(
    rounds: Annotated[int, typer.Option("--rounds", help="Batches.")] = 15,
    batch_size: Annotated[int, typer.Option("--batch-size", help="Sessions between two trainings.")] = 500,
    warm_start: Annotated[int, typer.Option("--warm-start", help="Uniform rankings before the first model.")] = 100,
    learner: Annotated[str, typer.Option("--learner", help="Name of a learner.")] = "linear",
    explore: Annotated[str, typer.Option("--explore", help="Name of an explorer.")] = "softmax",
    floor: Annotated[
        float, typer.Option("--floor", help="Probability mass that all candidates share, whatever the model says.")
    ] = 0.02,
    seed: Annotated[int, typer.Option("--seed", help="Of the world and the draws.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Play rankings: five places for twenty candidates, people who click what attracts them first, regret against random."""
    settings = RankingSettings(
        rounds=rounds, batch_size=batch_size, warm_start=warm_start, learner=learner, explore=explore, floor=floor, seed=seed
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("Playing", total=rounds * batch_size)
        result = play_rankings(settings, on_session=lambda _: progress.advance(task))
    if as_json:
        write_json(result)
        return
    write_table(("what", "value"), _rows_of_ranking(result))
    typer.echo(result.meaning)


@app.command()
def gate(
    world: Annotated[
        str,
        typer.Option(
            "--world", help="stationary, adaptive, rare, canary, drift, delayed, mislogged, hold-out, or twin with --loop."
        ),
    ] = "canary",
    lift: Annotated[float, typer.Option("--lift", help="What the challenger truly earns more a decision.")] = 0.02,
    events: Annotated[int, typer.Option("--events", help="Decisions after which a run is given up.")] = 20_000,
    look_every: Annotated[int, typer.Option("--look-every", help="Decisions between two looks.")] = 500,
    canary: Annotated[
        float | None,
        typer.Option("--canary", help="The challenger's share; else the world's own, 0.1 or in some none.", show_default=False),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            help="proven-better, or normal and point to compare with; else the loop's own, or proven-better.",
            show_default=False,
        ),
    ] = None,
    runs: Annotated[int, typer.Option("--runs", help="How often it is played.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Of the truths and the draws.")] = 0,
    loop: Annotated[
        str | None, typer.Option("--loop", help="The loop whose log the world `twin` is made of.", show_default=False)
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Play the gate in a world whose truth is known: how often does it promote, and after how many decisions?"""
    settings = GateSettings(world=world, lift=lift, events=events, look_every=look_every, canary=canary, runs=runs, seed=seed)
    settings = settings if rule is None else replace(settings, rule=rule)
    if (world == "twin") != (loop is not None):
        raise Invalid([Fault("--loop", "goes with `--world twin`, and that world needs it: the loop whose log it is made of.")])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("Playing", total=runs)

        def told(_: Run) -> None:
            progress.advance(task)

        if loop is None:
            result = play_gate(settings, on_run=told)
        else:
            with open_project(home) as deployment:
                own = deployment.registry.standing(loop).spec.gate.challenge
                settings = settings if rule else with_rule(settings, own)
                make = twin_maker(deployment, loop, lift=lift, canary=canary)
                result = play_gate(settings, make=make, on_run=told)
    if as_json:
        write_json(result)
        return
    write_table(("what", "value"), _rows_of_gate(result))
    typer.echo(result.meaning)


def _rows_of_gate(result: GateResult) -> list[tuple[str, str]]:
    """The counts as percentages, with the exact interval of what was looked for."""

    def share(value: float, low: float, high: float) -> str:
        return f"{100 * value:.1f} %  [{100 * low:.1f} %, {100 * high:.1f} %]"

    return [
        ("world", result.world),
        ("rule", result.rule),
        ("true lift", f"{result.true_lift:+.4f}"),
        ("promoted", share(result.promoted, result.promoted_low, result.promoted_high)),
        ("rolled back", share(result.rolled_back, result.rolled_back_low, result.rolled_back_high)),
        ("retired", f"{100 * result.retired:.1f} %"),
        ("frozen", f"{100 * result.frozen:.1f} %"),
        ("median events", "-" if result.median_events is None else f"{result.median_events:,.0f}"),
        ("seconds", f"{result.seconds:.1f}"),
    ]


def _rows_of_ranking(result: RankingResult) -> list[tuple[str, str]]:
    told = {name: getattr(result, name) for name in RankingResult.__struct_fields__ if name != "meaning"}
    told["clicks_by_place"] = "  ".join(f"{share:.3f}" for share in result.clicks_by_place)
    return [
        (name.replace("_", " "), f"{value:,.4f}" if isinstance(value, float) else str(value)) for name, value in told.items()
    ]


def _played(dataset: Dataset, settings: TableSettings, progress: Progress) -> TableResult:
    """Play, telling the progress bar how it goes."""
    task = progress.add_task("Playing", total=settings.n_decisions(len(dataset.label)), reward=0.0)
    n, total = 0, 0.0

    def told(reward: float) -> None:
        nonlocal n, total
        n, total = n + 1, total + reward
        progress.update(task, advance=1, reward=total / n)

    result, _ = play(dataset, settings, on_decision=told)
    return result


def _rows(result: TableResult) -> list[tuple[str, str]]:
    told = {name: getattr(result, name) for name in TableResult.__struct_fields__}
    return [
        (name.replace("_", " "), f"{value:,.4f}" if isinstance(value, float) else str(value)) for name, value in told.items()
    ]
