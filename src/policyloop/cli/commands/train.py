"""Train a new model of a loop now, judge it, and promote it when the gate lets it."""

from __future__ import annotations

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.run.by_hand import ask_worker, train_by_hand


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Train a new model of a loop now, judge it, and promote it when the gate lets it.

    While a worker runs, the training is queued for it; otherwise it is done here.
    """
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        done = train_by_hand(deployment, spec)
        if done is not None:
            said = done.sentence
        else:
            _, is_new = ask_worker(deployment, spec.loop)
            said = "queued for the worker" if is_new else "a training is queued already"
    if as_json:
        write_json({"loop": spec.loop, "done": done is not None, "message": said})
    else:
        typer.echo(said if done is not None else f"{said}; `policyloop status {spec.loop}` shows how it goes.")
