"""Play the whole loop: on a labelled table, on the cart-pole, or on Tetris."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from policyloop.care.report import report_of
from policyloop.care.report_page import page_of
from policyloop.cli.options import AsJson
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.since import since_us
from policyloop.cli.watching import Watching
from policyloop.core.settings import Home
from policyloop.run.demo import cartpole as cartpole_demo
from policyloop.run.demo import tetris as tetris_demo
from policyloop.run.demo.play import Plan, play
from policyloop.run.demo.plot import draw
from policyloop.run.demo.story import Story
from policyloop.run.demo.tetris_plot import draw as draw_tetris
from policyloop.run.deployment import open_deployment
from policyloop.simulate.dataset import DIGITS, Dataset, digits, read

_REPORTED = "30d"  # the history is dated just before it came in
_RAREST_SHARE = 0.0005  # rows of rarer labels are left out; their labels stay actions


app = typer.Typer(add_completion=False, rich_markup_mode=None, help=__doc__)


@app.callback(invoke_without_command=True)
def table(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="A labelled table, label last; else POLICYLOOP_DEMO_DATA, else digits.", show_default=False
        ),
    ] = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Rounds after the warm start.")] = 15,
    batch_size: Annotated[int, typer.Option("--batch-size", min=50, help="Decisions a round.")] = 500,
    warm_start: Annotated[int, typer.Option("--warm-start", min=50, help="Uniform decisions before the first model.")] = 100,
    seed: Annotated[int, typer.Option("--seed", help="Which rows are drawn.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for data and plot.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Play the whole loop on real data: server, client application, learning, gate; a table and a plot at the end.

    `policyloop demo cartpole` and `policyloop demo tetris` play episodes instead, in which decisions change what comes next.
    """
    if context.invoked_subcommand is not None:
        return
    table, source = _table(data)
    folder = out or Path(f"policyloop-demo-{datetime.now():%Y%m%d-%H%M%S}")
    plan = Plan(warm_start=warm_start, rounds=rounds, batch_size=batch_size, seed=seed)
    console = Console(stderr=True, highlight=False)
    console.print(
        f"Data: {source}; {len(table.label):,} rows, {len(table.document['context'])} fields, {len(table.labels)} labels."
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("decisions"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Playing over HTTP", total=plan.n_decisions)
        story = play(table, plan, folder, on_decision=lambda: progress.advance(task))
    plot = draw(story, folder / "demo.png")
    if as_json:
        write_json(_as_json(story, source, plot))
    else:
        _show(story, plot)


@app.command()
def cartpole(
    episodes: Annotated[int, typer.Option("--episodes", min=100, help="Episodes of the history.")] = 2000,
    tune: Annotated[int, typer.Option("--tune", min=0, help="Try so many other settings of the learner first.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for data and pictures.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """From a clumsy controller's history to a better controller: import, learn, choose offline, prove, serve, compare."""
    folder = out or Path(f"policyloop-cartpole-{datetime.now():%Y%m%d-%H%M%S}")
    with Watching() as watch:
        found = cartpole_demo.play(cartpole_demo.Plan(episodes=episodes, tune=tune, seed=seed), folder, watch=watch)
    film, report = folder / "before-and-after.gif", folder / "report.html"
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        since = since_us(_REPORTED, now_us=deployment.clock.now_us())
        report.write_bytes(page_of(report_of(deployment, found.loop, since=since), film=film.read_bytes()))
    if as_json:
        told = msgspec.to_builtins(found)
        write_json(told.pop("players") | told | {"folder": str(folder), "seconds": round(found.seconds, 1)})
        return
    names = {"chosen_with_random": f"chosen, {100 * found.random_fraction:g} % random"}
    rows = [
        (
            names.get(name, name),
            f"{p.n_episodes:,}",
            f"{p.mean_return:,.0f}",
            f"{p.mean_steps:,.0f}",
            f"{p.share_full_length:.0%}",
        )
        for name, p in found.players.items()
    ]
    write_table(("who acts", "episodes", "mean return", "mean steps", "full length"), rows)
    typer.echo("")
    parts = [(name, f"{part.n_steps:,}", f"{part.mean_reward:.2f}") for name, part in found.by_source.items()]
    write_table(("action source", "steps", "reward a step"), parts)
    typer.echo(f"\nreport: {report}, with the learning curves\nfilm: {film}")
    typer.echo(f"data: {folder} (cd there, then try `policyloop models {found.loop}`)")
    typer.echo(f"{found.seconds:.0f} s in all")


@app.command()
def tetris(
    tag: Annotated[str, typer.Option("--tag", help="Names the lines: TAG-small and TAG-full.")] = "tetris",
    games: Annotated[int, typer.Option("--exam", min=10, help="Games of the exam, of each player.")] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Of everything that is drawn.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for data and picture.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """A line of versions that learns by playing, on a small board and on the full one: cold start, rounds, exam."""
    folder = out or Path(f"policyloop-tetris-{datetime.now():%Y%m%d-%H%M%S}")
    with Watching() as watch:
        found = tetris_demo.play(tetris_demo.Plan(tag=tag, exam_games=games, seed=seed), folder, watch=watch)
    picture = draw_tetris(found, folder / "tetris.png")
    if as_json:
        told = msgspec.to_builtins(found)
        more = {"picture": str(picture), "folder": str(folder), "seconds": round(found.seconds, 1)}
        write_json(told.pop("lines") | told | more)
        return
    write_table(("board", "who plays", "lines", "pieces", "steps", "p (lines)", "p (pieces)"), _exams(found))
    typer.echo(
        f"\nmeans of {found.exam_games} games each on fresh seeds; p: one-sided, that the last is no better than random play"
    )
    typer.echo(
        "on the full board hardly any game clears a row, so what counts there are pieces: who places more, lasts longer and "
        "stacks closer"
    )
    typer.echo(f"\npicture: {picture}\ndata: {folder}; cd there, and try")
    for line in found.lines.values():
        size = f"--set rows={line.rows} --set columns={line.columns}"
        typer.echo(f"  policyloop line {line.loop}\n  policyloop play {tetris_demo.ENVIRONMENT} --loop {line.loop} {size}")
    typer.echo(f"{found.seconds:.0f} s in all")


def _exams(found: tetris_demo.Found) -> list[tuple[str, ...]]:
    """Rows of the exam's table."""
    rows: list[tuple[str, ...]] = []
    for line in found.lines.values():
        board, last = f"{line.rows} x {line.columns}", f"version {line.n_versions}"
        for name, exam in (("random play", line.cold_start), ("version 1", line.first), (last, line.last)):
            p = (f"{line.p_lines:.2g}", f"{line.p_pieces:.2g}") if exam is line.last else ("", "")
            rows.append((board, name, f"{exam.lines:.3f}", f"{exam.pieces:.1f}", f"{exam.steps:.1f}", *p))
    return rows


def _table(data: Path | None) -> tuple[Dataset, str]:
    """The data and what to call it."""
    named = os.environ.get("POLICYLOOP_DEMO_DATA")
    if data is not None:
        return read(data).without_rare(_RAREST_SHARE), f"{data} (--data)"
    if named:
        return read(Path(named)).without_rare(_RAREST_SHARE), f"{named} (POLICYLOOP_DEMO_DATA)"
    return digits().without_rare(_RAREST_SHARE), f"scikit-learn's {DIGITS}"


def _show(story: Story, plot: Path) -> None:
    """The table and the numbers, for people."""
    rows = [
        (r.number or "warm-up", f"{r.reward:.3f}", r.served_by, r.model, _interval(r.estimate, r.low, r.high), r.verdict)
        for r in story.rounds
    ]
    write_table(("round", "reward", "served by", "new model", "estimate (95 %)", "verdict"), rows)
    typer.echo(
        f"\nmean rolling-100 reward     {story.mean_rolling:.3f}   over {len(story.rewards):,} decisions after the warm start"
    )
    typer.echo(f"final policy, no exploring  {story.greedy_value:.3f}   on the whole table")
    typer.echo(f"oracle {story.oracle:.3f}   most frequent {story.majority:.3f}   random {story.random:.3f}")
    typer.echo(
        f"\nplot: {plot}\ndata: {plot.parent} (cd there, then try `policyloop status demo`)\n{story.seconds:.0f} s in all"
    )


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    return "" if value is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _as_json(story: Story, source: str, plot: Path) -> dict[str, Any]:
    return {
        "data": source,
        "n": len(story.rewards),
        "mean_rolling_100": story.mean_rolling,
        "last_500": float(story.rewards[-500:].mean()),
        "greedy_value": story.greedy_value,
        "oracle": story.oracle,
        "majority": story.majority,
        "random": story.random,
        "rounds": msgspec.to_builtins(story.rounds),
        "plot": str(plot),
        "seconds": round(story.seconds, 1),
    }
