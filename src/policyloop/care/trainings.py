"""Trainings: the curves of every run that a loop's models came from, and of every attempt of its newest search.

Question answered: how did learning go, run by run, and which checkpoint was taken of each?
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from policyloop.core.model import short
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import training_records
from policyloop.run.episodes.following import all_lines
from policyloop.run.episodes.job_folder import folder_of

_MOST_MODELS = 8  # the newest


class TrainingLine(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    name: str  # the start of the model's digest, or `trial 3`
    learner: str
    settings: dict[str, Any]
    curve: list[dict[str, float]]  # of each checkpoint
    chosen: int | None  # n_updates of the checkpoint that was taken; None: none could be
    is_winner: bool  # of a search, the run that was taken
    note: str | None  # why it ended early, or what was said of the choice


def trainings_of(deployment: Deployment, loop: str) -> list[TrainingLine]:
    """Those of the loop's models, the newest first, then those of its newest search in the order of the attempts."""
    return [*_of_models(deployment, loop), *_of_search(deployment, loop)]


def _of_models(deployment: Deployment, loop: str) -> Iterator[TrainingLine]:
    for row in deployment.registry.models(loop)[::-1][:_MOST_MODELS]:
        record = training_records.record_of(deployment.home, row.model)
        if record is not None:
            yield TrainingLine(
                name=short(row.model),
                learner=record.learner["name"],
                settings=record.learner["settings"],
                curve=record.curve,
                chosen=record.choice["n_updates"],
                is_winner=False,
                note=record.stopped or " ".join(record.choice["sentences"]),
            )


def _of_search(deployment: Deployment, loop: str) -> Iterator[TrainingLine]:
    job = jobs.last(deployment.records, loop, kind=jobs.TUNE, states=("done",))
    if job is None:
        return
    folder = folder_of(deployment.home, job.id)
    file = folder.path / "tuning.json"
    if not file.exists():
        return
    told, lines = json.loads(file.read_text(encoding="utf-8")), all_lines(folder)
    for trial in told["trials"]:
        own = [line for line in lines if line["attempt"] == trial["trial"]]
        yield TrainingLine(
            name=f"trial {trial['trial']}",
            learner=told["learner"],
            settings=trial["settings"],
            curve=[{name: value for name, value in line.items() if name != "attempt"} for line in own],
            chosen=trial["n_updates"],
            is_winner=trial["trial"] == told["winner"],
            note=trial["failure"] or " ".join(trial["sentences"]),
        )
