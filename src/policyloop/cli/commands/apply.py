"""Make loop files hold: show what changes and what it entails, then apply it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import deployment_of, loop_files, read_specs, settings_of
from policyloop.cli.screen import write_json
from policyloop.cli.words import counted
from policyloop.core.errors import NothingToDo
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_warnings import largest_weight, warnings_of
from policyloop.registry.changes import Change
from policyloop.run.apply import apply_spec, check_plugins
from policyloop.run.deployment import Deployment


def run(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Loop files; all in this folder by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Make loop files hold: show what changes and what it entails, then apply it.

    Every file is checked before the first is applied. A change that would need a challenge while a model is live is
    refused with the way out.
    """
    settings = settings_of(home)
    paths = files or loop_files(Path.cwd())
    if not paths:
        raise NothingToDo("no loop file is in this folder; `policyloop init NAME` writes one.")
    specs = read_specs(paths, settings)
    for spec in specs:
        check_plugins(spec)
    with deployment_of(settings) as deployment:
        told = [_apply(deployment, spec, is_dry=dry_run) for spec in specs]
    if as_json:
        write_json(told)
        return
    for one in told:
        _show(one)


def _apply(deployment: Deployment, spec: LoopSpec, *, is_dry: bool) -> dict[str, Any]:
    """Apply one spec, or look what that would do; as JSON tells it."""
    told: dict[str, Any] = {"loop": spec.loop, "spec": spec.digest, "largest_weight": largest_weight(spec)}
    if is_dry:
        is_new = spec.loop not in deployment.registry.standings()
        changes: tuple[Change, ...] = tuple(deployment.registry.plan(spec))
        told |= {"is_new_loop": is_new, "is_changed": is_new or bool(changes), "applied": False}
    else:
        applied = apply_spec(deployment, spec)
        changes = applied.changes
        told |= {"is_new_loop": applied.is_new_loop, "is_changed": applied.is_changed, "applied": applied.is_changed}
        told["version"] = applied.version
    told["changes"] = [_as_map(change) for change in changes]
    told["warnings"] = warnings_of(spec)
    told["counts"] = f"{counted(len(spec.context), 'field')}, {counted(len(spec.labels), 'action')}"
    return told


def _as_map(change: Change) -> dict[str, Any]:
    return {
        "where": change.where,
        "before": change.before,
        "after": change.after,
        "entails": str(change.entails),
        "is_in_place": change.is_in_place,
        "sentence": str(change),
    }


def _show(told: dict[str, Any]) -> None:
    """One loop's change for people."""
    version = f"version {told['version']}" if "version" in told else "nothing was changed (--dry-run)"
    if told["is_new_loop"]:
        what = "a new loop" if told["applied"] else "would be a new loop"
        typer.echo(f"{told['loop']}: {what} ({told['counts']}), {version}.")
    elif told["is_changed"]:
        typer.echo(f"{told['loop']}: {counted(len(told['changes']), 'change')}, {version}.")
    else:
        typer.echo(f"{told['loop']}: holds already, {version}.")
    for change in told["changes"]:
        refused = "" if change["is_in_place"] else "; refused while a model is live"
        typer.echo(f"  {change['sentence']}{refused}")
    weight = told["largest_weight"]
    typer.echo(
        f"  largest weight of one example: {weight:,.0f}" if weight < float("inf") else "  largest weight of one example: none"
    )
    for warning in told["warnings"]:
        typer.echo(f"  note: {warning}")
