"""Check the log's files, and mend what can be mended without deleting a byte."""

from __future__ import annotations

from typing import Annotated, Any

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

    Exit code 1: the log as it lies there may miss events that were acknowledged. What lies in quarantine from earlier is
    told as well, and counts no more.
    """
    folder = settings_of(home).home.log
    findings, earlier = fsck.check(folder), fsck.put_aside(folder)
    repairs = fsck.repair(folder, files=SystemFiles()) if repair else []
    n_lost = sum(finding.is_loss for finding in findings)
    if as_json:
        write_json(
            {
                "folder": str(folder),
                "findings": [_as_map(f) for f in findings],
                "in_quarantine": [_as_map(f) for f in earlier],
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
            typer.echo(f"repaired {done.path.name}: {done.message.removesuffix('.')}.{kept}")
        for finding in earlier:
            typer.echo(f"in quarantine: {finding.path.name}: {finding.kind}: {finding.message}")
        typer.echo(
            f"{folder}: {counted(len(findings), 'finding')}, {n_lost} of which may have cost events."
            if findings
            else f"{folder}: all is as it was written."
        )
    raise typer.Exit(_EXIT_DAMAGED if n_lost and not repair else 0)


def _as_map(finding: fsck.Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind,
        "path": str(finding.path),
        "message": finding.message,
        "offset": finding.offset,
        "end": finding.end,
        "is_loss": finding.is_loss,
    }
