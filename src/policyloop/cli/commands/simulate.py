"""Play worlds whose truth is known, in process, through the same functions that a deployment uses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from policyloop.cli.options import AsJson
from policyloop.cli.screen import write_json, write_table
from policyloop.core.errors import Fault, Invalid
from policyloop.simulate.dataset import Dataset, read
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
