"""Train a new model of a loop now, judge it, and promote it when the gate lets it."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project, settings_of, unapplied
from policyloop.cli.screen import write_json, write_note
from policyloop.core.policy import Tensors
from policyloop.learn.offline import Checkpoint, length_of
from policyloop.run.by_hand import ask_worker, train_by_hand


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Train a new model of a loop now, judge it, and promote it when the gate lets it.

    While a worker runs, the training is queued for it; otherwise it is done here. Of a loop with episodes, a training run is
    made and a checkpoint chosen offline; after a kill the same command goes on where it was.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        other = unapplied(spec.loop, deployment, settings_of(home))
        if other is not None:
            write_note(
                f"note: {other.name} says something else than what is applied; `policyloop apply {other.name}` makes it hold."
            )
        with Progress(*columns, console=Console(stderr=True), disable=as_json) as progress:
            told = None if spec.episodes is None else _Told(progress, length_of(spec).updates)
            try:
                done = train_by_hand(deployment, spec, on_checkpoint=told, on_wait=_tell_waiting)
            finally:
                if told is not None:
                    told.end()
        if done is not None:
            said = done.sentence
        else:
            _, is_new = ask_worker(deployment, spec.loop)
            said = "queued for the worker" if is_new else "a training is queued already"
    if as_json:
        write_json({"loop": spec.loop, "done": done is not None, "message": said})
    else:
        typer.echo("\n".join(done.lines) if done is not None else f"{said}; `policyloop status {spec.loop}` shows how it goes.")


def _tell_waiting() -> None:
    write_note("Another command of this project writes the tables; this one goes on when that has ended. Ctrl-C ends this one.")


class _Told:
    """A progress bar of a training run, with what the learner expects."""

    def __init__(self, progress: Progress, updates: int) -> None:
        self._progress = progress
        self._task = progress.add_task("Learning", total=updates)
        self._is_begun = False

    def __call__(self, checkpoint: Checkpoint, state: Tensors) -> None:
        q_mean = checkpoint.metrics.get("q_mean")
        said = "Learning" if q_mean is None else f"Learning, expected return {q_mean:.4g}"
        self._progress.update(self._task, completed=checkpoint.n_updates, description=said)
        self._is_begun = True

    def end(self) -> None:
        """A bar of what was never begun goes."""
        if not self._is_begun:
            self._progress.remove_task(self._task)
