"""Check the log's files, and mend what can be mended without deleting a byte."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.care import fsck
from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import settings_of
from policyloop.cli.screen import write_json
from policyloop.cli.words import counted
from policyloop.log.files import SystemFiles

_EXIT_DAMAGED = 1


def run(
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended; damaged files are kept aside.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check the log's files; with --repair, mend them without deleting a byte.

    Exit code 0: nothing that was acknowledged is missing. 1: something may be.
    """
    folder = settings_of(home).home.log
    findings = fsck.check(folder)
    repairs = fsck.repair(folder, files=SystemFiles()) if repair else []
    n_lost = sum(finding.is_loss for finding in findings)
    if as_json:
        write_json(
            {
                "folder": str(folder),
                "findings": [
                    {
                        "kind": f.kind,
                        "path": str(f.path),
                        "message": f.message,
                        "offset": f.offset,
                        "end": f.end,
                        "is_loss": f.is_loss,
                    }
                    for f in findings
                ],
                "repairs": [
                    {"path": str(r.path), "message": r.message, "kept_in": str(r.kept_in) if r.kept_in else None}
                    for r in repairs
                ],
            }
        )
    else:
        for finding in findings:
            typer.echo(f"{finding.path.name}: {finding.kind}: {finding.message}")
        for done in repairs:
            kept = f" The bytes from before are in {done.kept_in}." if done.kept_in else ""
            typer.echo(f"repaired {done.path.name}: {done.message}.{kept}")
        typer.echo(
            f"{folder}: {counted(len(findings), 'finding')}, {n_lost} of which may have cost events."
            if findings
            else f"{folder}: all is as it was written."
        )
    raise typer.Exit(_EXIT_DAMAGED if n_lost and not repair else 0)
