"""See what is, was and will be trained, and follow a training run while it goes on."""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_table
from policyloop.cli.words import age
from policyloop.core.clock import iso
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.following import follow as followed
from policyloop.run.episodes.following import progress_of
from policyloop.run.episodes.job_folder import folder_of
from policyloop.run.jobs import Job

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)

_SHOWN = ("q_mean", "held_out_q_mean", "td_error", "critic_loss", "conservative")
_LOOK_EVERY_S = 0.3


@app.callback()
def _jobs() -> None:
    """See what is, was and will be trained, and follow a training run while it goes on."""


@app.command("list")
def list_(
    loop: Annotated[str | None, typer.Option("--loop", help="Only the jobs of this loop.", show_default=False)] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 20,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first: trainings, challenges, evaluations and searches, and how they ended."""
    with open_project(home) as deployment:
        name = None if loop is None else deployment.registry.standing(loop).spec.loop
        found = jobs.history(deployment.records, name, limit=limit)
        if as_json:
            write_json([_as_map(deployment, job) for job in found])
            return
        now_us = deployment.clock.now_us()
        rows = [
            (
                job.id,
                job.loop,
                job.kind,
                _state(deployment, job),
                age(job.queued_at, now_us),
                _begin(job.message or job.reason),
            )
            for job in found
        ]
    if not rows:
        typer.echo("there is no job yet; `policyloop train LOOP` makes one.")
        return
    write_table(("job", "loop", "kind", "state", "queued", "what"), rows)


@app.command()
def follow(
    job: Annotated[int, typer.Argument(metavar="JOB", help="Its number, from `policyloop jobs list`.", show_default=False)],
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Show a training run's checkpoints as they come, and end when the job ends.

    With --json each line is one JSON object, as the run wrote it.
    """
    with open_project(home) as deployment:
        jobs.get(deployment.records, job)
        if not as_json:
            _open(folder_of(deployment.home, job).told())
        for line in followed(deployment, job, sleep=lambda: time.sleep(_LOOK_EVERY_S)):
            typer.echo(json.dumps(line) if as_json else shown(line))
            sys.stdout.flush()
        ended = jobs.get(deployment.records, job)
        device = folder_of(deployment.home, job).told().get("device")
    if not as_json:
        if device is not None:
            typer.echo(f"it learned on the device {device}")
        typer.echo(f"{ended.state}: {ended.message or ended.reason}")


def shown(line: dict[str, Any]) -> str:
    """A checkpoint in one line for people."""
    attempt = f"attempt {line['attempt']:>3}  " if "attempt" in line else ""
    numbers = "  ".join(f"{name} {line[name]:.5g}" for name in _SHOWN if name in line)
    return f"{attempt}{line['n_updates']:>9,} updates  {line.get('seconds', 0.0):7.1f} s  {numbers}"


def _open(told: dict[str, Any]) -> None:
    """What is known of the run as a whole."""
    if "n_transitions" in told:
        typer.echo(
            f"loop '{told['loop']}', learner {told['learner']}: {told['updates']:,} updates on {told['n_transitions']:,} "
            f"transitions of {told['n_episodes']:,} episodes, {told['n_held_out']:,} more held out"
        )
    for note in told.get("notes", ()):
        typer.echo(note)


def _begin(text: str) -> str:
    """What fits into a table; `follow` tells the rest."""
    return text.splitlines()[0].split(". ")[0] if text else ""


def _state(deployment: Deployment, job: Job) -> str:
    """`running 40 %`, or the state alone."""
    done = progress_of(deployment, job) if job.state == "running" else None
    return job.state if done is None else f"{job.state} {100 * done[0] // max(done[1], 1)} %"


def _as_map(deployment: Deployment, job: Job) -> dict[str, Any]:
    done = progress_of(deployment, job)
    times = {
        name: None if at is None else iso(at)
        for name, at in (("queued_at", job.queued_at), ("started_at", job.started_at), ("ended_at", job.ended_at))
    }
    return {
        "id": job.id,
        "loop": job.loop,
        "kind": job.kind,
        "state": job.state,
        "attempt": job.attempt,
        "reason": job.reason,
        "message": job.message,
        **times,
        "updates_done": None if done is None else done[0],
        "updates": None if done is None else done[1],
        "device": folder_of(deployment.home, job.id).told().get("device"),
    }
