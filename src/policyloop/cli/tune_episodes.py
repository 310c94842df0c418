"""`policyloop tune` of a loop with episodes: runs with other settings, a table of them, and the recipe of the best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.core.errors import Fault, Invalid
from policyloop.run.episodes.tuning import Attempt, TunedOffline, tune_offline


def run(
    loop: str,
    *,
    trials: int,
    only: str | None,
    out: Path | None,
    seed: int,
    runner: str,
    workers: int,
    home: Path | None,
    as_json: bool,
) -> None:
    """Search, show, and write the recipe; arguments are those of the command."""
    if only is not None and only.strip() != "learner":
        raise Invalid(
            [Fault("--only", f"is '{only}'; of a loop with episodes the learner's settings are searched, and no more.")]
        )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("best {task.fields[best]}"))
    with open_project(home) as deployment, Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("Searching", total=trials + 1, best="")
        worths: list[float] = []

        def told(attempt: Attempt) -> None:
            worths.extend([] if attempt.fitted is None else [attempt.fitted.value])
            progress.update(task, advance=1, best=f"{max(worths):.4g}" if worths else "")

        found = tune_offline(deployment, loop, n_attempts=trials, seed=seed, runner=runner, n_workers=workers, on_attempt=told)
    if out is not None and found.winner is not None:
        out.write_text(_recipe_file(found, found.winner, trials=trials, seed=seed), encoding="utf-8")
    if as_json:
        write_json(found.to_json())
    else:
        _show(found, out)


def _show(found: TunedOffline, out: Path | None) -> None:
    own = found.spec.learner.settings
    rows = [_row(attempt, own, is_winner=attempt is found.winner) for attempt in found.attempts]
    write_table(("trial", "settings", "updates", "fitted value", "95 % interval", "what"), rows)
    for sentence in () if found.choice is None else found.choice.sentences:
        typer.echo(sentence)
    if found.is_stopped:
        typer.echo("The search was stopped before its end; this is what it had found.")
    loop = found.spec.loop
    typer.echo(f"All curves: policyloop jobs follow {found.job_id}, and in `policyloop report {loop}`.")
    if found.winner is None or found.winner.number == 0:
        return
    if out is None:
        write_note("Run it again with `--out recipe.yaml` to write the winner down: equal seeds find equal winners.")
    else:
        typer.echo(f"Its settings are in {out}: put them into the loop file, or let them challenge.")


def _row(attempt: Attempt, own: Mapping[str, Any], *, is_winner: bool) -> tuple[str, ...]:
    settings = " ".join(f"{name}={value}" for name, value in attempt.settings.items() if own.get(name) != value)
    name = f"{attempt.number}" + (" (best)" if is_winner else " (loop's own)" if attempt.number == 0 else "")
    updates = "" if attempt.choice is None or attempt.choice.n_updates is None else f"{attempt.choice.n_updates:,}"
    what = attempt.failure or ("underfits" if attempt.choice is not None and attempt.choice.is_underfitting else "")
    if attempt.fitted is None:
        return name, settings, updates, "", "", what
    low, high = attempt.fitted.interval()
    return name, settings, updates, f"{attempt.fitted.value:.4g}", f"[{low:.4g}, {high:.4g}]", what


def _recipe_file(found: TunedOffline, winner: Attempt, *, trials: int, seed: int) -> str:
    """The winner's settings as a loop file has them."""
    learner = {"name": found.spec.learner.name, **dict(winner.settings)}
    body = yaml.safe_dump({"learner": learner}, sort_keys=False, default_flow_style=None, width=100)
    return f"# Attempt {winner.number} of `policyloop tune {found.spec.loop} --trials {trials} --seed {seed}`.\n{body}"
