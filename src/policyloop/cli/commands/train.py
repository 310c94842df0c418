"""Train a new model of a loop now, judge it, and promote it when the gate lets it."""

from __future__ import annotations

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.join.hour_states import n_examples
from policyloop.join.hours import join_loop
from policyloop.run import jobs
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import refresh


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Train a new model of a loop now, judge it, and promote it when the gate lets it.

    While a worker runs, the training is queued for it; otherwise it is done here.
    """
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        with ship_by_hand(deployment) as is_ours:
            if is_ours:
                join_loop(deployment.lake, deployment.records, spec)
                said = refresh(deployment, spec.loop)
            else:
                n, now_us = n_examples(deployment.records, spec.loop), deployment.clock.now_us()
                job = jobs.queue(deployment.records, spec.loop, reason="asked for", n_examples=n, now_us=now_us)
                said = "queued for the worker" if job else "a training is queued already"
    if as_json:
        write_json({"loop": spec.loop, "done": is_ours, "message": said})
    else:
        typer.echo(f"{said}; `policyloop status {spec.loop}` shows how it goes." if not is_ours else said)
