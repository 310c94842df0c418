"""Make loop files hold: show what changes and what it entails, then apply it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import deployment_of, loop_files, read_specs, settings_of
from policyloop.cli.screen import write_json
from policyloop.cli.words import actions_in_words, counted
from policyloop.core.errors import NothingToDo
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_warnings import largest_weight, warnings_of
from policyloop.registry.changes import Change
from policyloop.run.apply import apply_spec, check_plugins
from policyloop.run.deployment import Deployment


def run(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE", help="Loop files; all in this folder by default.")
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
    if dry_run and not settings.home.path.exists():  # a look leaves no data folder behind
        told = [_planned(None, spec) for spec in specs]
    else:
        with deployment_of(settings) as deployment:
            told = [_planned(deployment, spec) if dry_run else _applied(deployment, spec) for spec in specs]
    if as_json:
        write_json(told)
    else:
        for one in told:
            _show(one)
    if any(one.get("refused") for one in told):
        raise typer.Exit(2)


def _planned(deployment: Deployment | None, spec: LoopSpec) -> dict[str, Any]:
    """What applying one spec would do, as JSON tells it; without a deployment every loop is new."""
    is_new = deployment is None or spec.loop not in deployment.registry.standings()
    changes = [] if deployment is None else list(deployment.registry.plan(spec))
    is_live = deployment is not None and not is_new and deployment.registry.standing(spec.loop).champion is not None
    told = {
        "is_new_loop": is_new,
        "is_changed": is_new or bool(changes),
        "applied": False,
        "refused": is_live and any(not change.is_in_place for change in changes),
    }
    return _told(spec, told, changes)


def _applied(deployment: Deployment, spec: LoopSpec) -> dict[str, Any]:
    """Apply one spec, and tell what that did, as JSON tells it."""
    applied = apply_spec(deployment, spec)
    told = {"is_new_loop": applied.is_new_loop, "is_changed": applied.is_changed, "applied": applied.is_changed}
    return _told(spec, {**told, "version": applied.version}, applied.changes)


def _told(spec: LoopSpec, what: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    return {
        "loop": spec.loop,
        "spec": spec.digest,
        "largest_weight": None if spec.has_box else largest_weight(spec),  # of numbers there are densities
        **what,
        "changes": [_as_map(change) for change in changes],
        "warnings": warnings_of(spec),
        "counts": f"{counted(len(spec.context), 'field')}, {actions_in_words(spec)}",
    }


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
        refused = "; refused while a model is live" if told.get("refused") and not change["is_in_place"] else ""
        typer.echo(f"  {change['sentence']}{refused}")
    weight = told["largest_weight"]
    if weight is not None:
        typer.echo(f"  largest weight of one example: {f'{weight:,.0f}' if weight < float('inf') else 'none'}")
    for warning in told["warnings"]:
        typer.echo(f"  note: {warning}")
