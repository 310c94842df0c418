"""Bring in decisions and outcomes that another system logged, from files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.words import counted
from policyloop.core import plugins
from policyloop.core.duration import show_duration
from policyloop.interop.import_rows import Imported
from policyloop.run.importing import import_files

_FORMATS = "policyloop.interop.formats"


def run(
    file_format: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT", help="|".join(plugins.as_written(_FORMATS, n) for n in plugins.ours(_FORMATS)), show_default=False
        ),
    ],
    loop: LoopName,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The file, or several; all of them or none.", show_default=False)
    ],
    *,
    policy: Annotated[
        str, typer.Option("--policy", help="Name of the policy that decided, where the file does not say.")
    ] = "file",
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome", help="What the reward column is reported as, in loops with several outcomes.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and write nothing.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring in decisions and outcomes that another system logged, from files.

    Every row is checked before the first is written. They go through the log like live events, as
    `imported:POLICY`; importing the same file again counts nothing twice.
    """
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        told = import_files(
            deployment, spec, file_format=file_format, files=files, policy=policy, outcome=outcome, dry_run=dry_run
        )
    if as_json:
        write_json({"loop": spec.loop, "written": not dry_run, **asdict(told)})
        return
    _show(told, is_dry=dry_run, window=show_duration(spec.reward.window_s))


def _show(told: Imported, *, is_dry: bool, window: str) -> None:
    """What the file became, for people."""
    what = f"{counted(told.n_decisions, 'decision')} and {counted(told.n_outcomes, 'outcome')}"
    typer.echo(f"checked {what}; nothing was written (--dry-run)." if is_dry else f"imported {what}.")
    if told.n_evidence < told.n_decisions:
        n = told.n_decisions - told.n_evidence
        write_note(f"note: {counted(n, 'decision')} came without a whole pmf: learned from, but no evidence for the gate.")
    if told.n_repeated:
        write_note(
            f"note: {counted(told.n_repeated, 'decision')} repeated an id of the file: equal ones count once, "
            f"others not at all."
        )
    for warning in told.warnings:
        write_note(f"note: {warning}")
    if not is_dry:
        typer.echo(f"They become examples {window} from now, by `policyloop up` or `policyloop join`.")
