"""Search for a better recipe on a loop's own log, and judge the winner on data that the search never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from policyloop.cli import tune_episodes as of_episodes
from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.core.errors import Fault, Invalid
from policyloop.core.estimate import Estimate
from policyloop.core.loop import LoopSpec
from policyloop.learn.tune import PARTS, Attempt, learned
from policyloop.run.challenges.tuned import Finalist, Lead, Tuned, recipe_changes
from policyloop.run.challenges.tuning import tune


def run(
    loop: LoopName,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Recipes to try, beside the loop's own.")] = 50,
    only: Annotated[
        str | None, typer.Option("--only", help="What to search: some of learner,features,explore,floor.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Writes the winner's recipe there, to challenge with.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the search and the models.")] = 0,
    runner: Annotated[str, typer.Option("--runner", help="Where runs of episodes are made: local or ray.")] = "local",
    workers: Annotated[int, typer.Option("--workers", min=1, help="Runs of episodes that are made at a time.")] = 1,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Search learner, features, explorer and floor on the loop's own log.

    The winner is judged on examples that the search never saw, with an interval that allows for choosing among finalists,
    and offered as a challenge. Ctrl-C ends the search and keeps the best so far.

    Of a loop with episodes, training runs with other settings of its learner are made, several side by side, and judged by a
    fitted model of the return on held-out episodes; all their curves are kept.

    For example: policyloop tune tank --trials 20 --workers 2 --out recipe.yaml
    """
    with open_project(home) as deployment:
        has_episodes = deployment.registry.standing(loop).spec.episodes is not None
    if has_episodes:
        _check_is_writable(out)
        of_episodes.run(
            loop, trials=trials, only=only, out=out, seed=seed, runner=runner, workers=workers, home=home, as_json=as_json
        )
        return
    parts = PARTS if only is None else tuple(part.strip() for part in only.split(","))
    _check_is_writable(out)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("best {task.fields[best]}"))
    with open_project(home) as deployment, Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
        task = progress.add_task("Searching", total=trials + 1, best="")
        values: list[float] = []

        def told(attempt: Attempt) -> None:
            values.extend([attempt.estimate.value] if attempt.estimate else [])
            progress.update(task, advance=1, best=f"{max(values):.4f}" if values else "")

        found = tune(deployment, loop, n_attempts=trials, seed=seed, parts=parts, on_attempt=told)
    if out is not None and found.winner is not None:
        out.write_text(_recipe_file(found, found.winner, attempts=trials, seed=seed), encoding="utf-8")
    if as_json:
        write_json(_as_json(found))
        return
    _show(found, out)


def _check_is_writable(out: Path | None) -> None:
    """Before minutes are spent."""
    if out is not None and not out.parent.is_dir():
        raise Invalid([Fault("--out", f"is '{out}', and there is no folder '{out.parent}'; expected a file in a folder.")])


def _show(found: Tuned, out: Path | None) -> None:
    """The finalists beside the loop's own recipe and the champion, then all of it in sentences."""
    own = found.searched.attempts[0]
    rows = [
        (
            f"attempt {one.attempt.number}",
            *_recipe_cells(one.attempt.spec),
            *_value_cells(one.value),
            _lead_cell(one.over_present),
        )
        for one in found.finalists
    ]
    rows.append(("loop's own", *_recipe_cells(own.spec), *_value_cells(found.present), ""))
    if found.champion is not None:
        rows.append(("champion", "", "", "", *_value_cells(found.champion), ""))
    write_table(("recipe", "learner", "explore", "fields", "value", "95 % interval", "over the loop's own"), rows)
    typer.echo(f"Fields by importance: {', '.join(found.importance)}.")
    if found.winner is not None:
        typer.echo(f"The winner learns from {', '.join(learned(found.winner.attempt.spec)) or 'no field'}.")
    for sentence in found.sentences():
        typer.echo(sentence)
    if found.winner is None or found.result == "worse":
        return
    loop = found.spec.loop
    if out is None:
        write_note("Run it again with `--out recipe.yaml` to write the winner down: equal seeds find equal winners.")
    else:
        typer.echo(f"To let it challenge, judged by what is decided from then on: policyloop challenge {loop} --recipe {out}")


def _recipe_cells(spec: LoopSpec) -> tuple[str, str, str]:
    learner = " ".join([spec.learner.name, *(f"{name}={value}" for name, value in spec.learner.settings.items())])
    explore = " ".join([spec.explore.name, *(f"{name}={value}" for name, value in spec.explore.settings.items())])
    return learner, explore, f"{len(learned(spec))} of {len(spec.context)}"


def _value_cells(value: Estimate) -> tuple[str, str]:
    low, high = value.interval()
    return f"{value.value:.4f}", f"[{low:.4f}, {high:.4f}]"


def _lead_cell(lead: Lead) -> str:
    return f"{lead.value:+.4f} [{lead.low:+.4f}, {lead.high:+.4f}]"


def _recipe_file(found: Tuned, winner: Finalist, *, attempts: int, seed: int) -> str:
    """The winner's keys as a loop file has them, with where they come from."""
    body = yaml.safe_dump(recipe_changes(found.spec, winner.attempt.spec), sort_keys=False, default_flow_style=None, width=100)
    lead = winner.over_present
    return (
        f"# Attempt {winner.attempt.number} of `policyloop tune {found.spec.loop} --trials {attempts} --seed {seed}`: "
        f"{lead.told()},\n# over the loop's own recipe on {found.n_held_out:,} held-out examples.\n{body}"
    )


def _as_json(found: Tuned) -> dict[str, Any]:
    return {
        "loop": found.spec.loop,
        "result": found.result,
        "sentences": found.sentences(),
        "n_searched": found.n_searched,
        "n_below_split": found.n_below_split,
        "n_held_out": found.n_held_out,
        "is_stopped": found.searched.is_stopped,
        "promised": found.promised,
        "importance": dict(found.importance),
        "present": _estimate(found.present),
        "champion": None if found.champion is None else _estimate(found.champion),
        "floor": None if found.floor is None else {"floor": found.floor.floor, "lead": _lead(found.floor.lead)},
        "finalists": [_finalist(one, found.spec) for one in found.finalists],
        "trials": [_attempt(one, found.spec) for one in found.searched.attempts],
    }


def _finalist(one: Finalist, spec: LoopSpec) -> dict[str, Any]:
    return {
        "trial": one.attempt.number,
        "recipe": recipe_changes(spec, one.attempt.spec),
        "value": _estimate(one.value),
        "over_present": _lead(one.over_present),
        "over_champion": None if one.over_champion is None else _lead(one.over_champion),
    }


def _attempt(one: Attempt, spec: LoopSpec) -> dict[str, Any]:
    return {
        "trial": one.number,
        "recipe": recipe_changes(spec, one.spec),
        "floor": one.spec.explore.floor,
        "value": None if one.estimate is None else one.estimate.value,
        "stderr": None if one.estimate is None else one.estimate.stderr,
        "failure": one.failure,
        "seconds": one.seconds,
    }


def _lead(lead: Lead) -> dict[str, float]:
    return {"value": lead.value, "low": lead.low, "high": lead.high, "stderr": lead.stderr}


def _estimate(value: Estimate) -> dict[str, Any]:
    low, high = value.interval()
    return {"value": value.value, "stderr": value.stderr, "low": low, "high": high, "ess": value.ess, "n": value.n}
