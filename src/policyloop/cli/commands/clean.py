"""Take out all that belongs to one loop, after asking."""

from __future__ import annotations

from dataclasses import asdict

import typer

from policyloop.care.clean import clean, contents
from policyloop.cli.options import AsJson, HomeFolder, LoopName, Yes
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.words import counted
from policyloop.log.files import SystemFiles
from policyloop.log.folder import QUARANTINE, quarantined


def run(loop: LoopName, yes: Yes = False, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Take out all that belongs to one loop, after asking: events, examples, models, verdicts, specs.

    Servers and workers must not run meanwhile. The loop's YAML file stays, and so do damaged segments that were put aside.
    Older versions of the tables, which nobody reads, keep the rows for up to a week.
    """
    with open_project(home) as deployment:
        name = deployment.registry.standing(loop).spec.loop
        found = contents(deployment, name)
        if not yes:
            typer.echo(
                f"loop '{name}' has {counted(found.n_decisions, 'decision')}, {counted(found.n_outcomes, 'outcome')}, "
                f"{counted(found.n_examples, 'example')} and {counted(found.n_models, 'model')} "
                f"in '{deployment.home.path}'.",
                err=True,
            )
            typer.confirm("Take all of it out? There is no way back.", abort=True, err=True)
        gone = clean(deployment, name, files=SystemFiles())
        aside, n_aside = deployment.home.log / QUARANTINE, len(quarantined(deployment.home.log))
    if as_json:
        write_json({"loop": name, **asdict(gone), "n_in_quarantine": n_aside})
        return
    typer.echo(f"{name}: all is taken out ({counted(gone.n_decisions, 'decision')}, {counted(gone.n_models, 'model')}).")
    if n_aside:
        write_note(
            f"note: {counted(n_aside, 'damaged segment')} of the log in '{aside}' may still hold events of this loop and of "
            f"others; where they must go too, delete the files by hand."
        )
