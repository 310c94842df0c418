"""Play episodes of an environment, and write the log that production would have written."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import deployment_of, read_specs, settings_of
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.cli.setting_pairs import read_pairs
from policyloop.core.spec_template import template_of
from policyloop.run.apply import apply_spec
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.rollout import Plan, RolledOut, loop_for, roll_out, write_history
from policyloop.simulate.environment import open_environment

_SEEDS = 2**31


def run(
    environment: Annotated[
        str, typer.Argument(metavar="ENV", help="cartpole, tetris, inventory, gridworld, pendulum, gymnasium or callable.")
    ],
    policy: Annotated[
        str,
        typer.Option(
            "--policy", help="A model, champion, baseline, one that the environment brings (random, expert, ...), or a URL."
        ),
    ] = "champion",
    episodes: Annotated[int, typer.Option("--episodes", help="How many.")] = 20,
    random_fraction: Annotated[
        float | None,
        typer.Option(
            "--random-fraction", help="Share of the steps that are drawn evenly; else the loop's own.", show_default=False
        ),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes that play.")] = 1,
    runner: Annotated[str, typer.Option("--runner", help="Where they run: local or ray.")] = "local",
    loop: Annotated[
        str | None,
        typer.Option(
            "--loop",
            help="A loop, or one with a file here; else the environment's own, made where missing.",
            show_default=False,
        ),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the environment, such as rows=8.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of all draws; else a new one.", show_default=False)] = None,
    table: Annotated[
        Path | None,
        typer.Option(
            "--table",
            help="Write Parquet for `policyloop import history`, and no log; of policies that the environment brings.",
            show_default=False,
        ),
    ] = None,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Play episodes of an environment, and write the log that production would have written.

    The same rollout with the same seed is the same events, so playing it again adds nothing. With a URL the server decides and
    writes the log; random steps are then tracked as such.
    """
    plan = Plan(
        environment=environment,
        settings=read_pairs(setting or []),
        policy=policy,
        n_episodes=episodes,
        seed=secrets.randbelow(_SEEDS) if seed is None else seed,
        loop=loop,
        random_fraction=random_fraction,
        n_workers=workers,
        runner=runner,
    )
    if table is not None:
        result = _played(None, plan, is_quiet=as_json, table=table)
    elif plan.is_remote:
        result = _played(None, plan, is_quiet=as_json)
    else:
        with deployment_of(settings_of(home)) as deployment:
            _make_loop(deployment, plan)
            result = _played(deployment, plan, is_quiet=as_json)
    if as_json:
        write_json(result)
    else:
        _show(result)


def _make_loop(deployment: Deployment, plan: Plan) -> None:
    """Make the environment's loop where it is missing: from its file in this folder, which is written where there is none."""
    environment = open_environment(plan.environment, plan.settings)
    file = Path.cwd() / f"{plan.loop or environment.problem.loop_file()['loop']}.yaml"
    if file.exists() and file.stem not in deployment.registry.standings():
        (spec,) = read_specs([file], settings_of(None))
        apply_spec(deployment, spec)
    spec, is_new = loop_for(deployment, environment, plan.loop)
    if not is_new:
        return
    file.write_text(template_of(spec), encoding="utf-8")
    write_note(f"Made loop '{spec.loop}', and wrote {file.name}.")


def _played(deployment: Deployment | None, plan: Plan, *, is_quiet: bool, table: Path | None = None) -> RolledOut:
    """Play behind a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=is_quiet) as progress:
        task = progress.add_task("Playing", total=plan.n_episodes)

        def advance(n: int) -> None:
            progress.advance(task, n)

        if table is not None:
            return write_history(plan, table, on_episodes=advance)
        return roll_out(deployment, plan, on_episodes=advance)


def _show(result: RolledOut) -> None:
    """Results for people."""
    write_table(
        ("what", "value"),
        [
            ("loop", result.loop),
            ("policy", result.policy),
            ("episodes", f"{result.n_episodes:,}"),
            ("mean return", f"{result.mean_return:,.2f} +- {result.return_stderr:,.2f}"),
            ("mean steps", f"{result.mean_steps:,.1f}"),
            ("full length", f"{result.share_full_length:.1%}"),
            ("terminated", f"{result.n_terminated:,}"),
            ("truncated", f"{result.n_truncated:,}"),
            ("seed", result.seed),
        ],
    )
    typer.echo("")
    rows = [(name, f"{one.n_steps:,}", f"{one.mean_reward:,.4f}") for name, one in result.by_source.items()]
    write_table(("action source", "steps", "reward a step"), rows)
    if result.n_events:
        typer.echo(f"\n{result.n_events:,} events are in the log; `policyloop join {result.loop}` brings them into the tables.")
