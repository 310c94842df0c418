"""Training records: the curves of the run that made a model, and how its checkpoint was chosen, kept beside the model.

Question answered: how did the training of this model go, long after its job? `models/<digest>/training.json`, which is no part
of the model: its digest does not cover it, and serving never reads it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from policyloop.core.settings import Home
from policyloop.registry.model_files import training_path
from policyloop.storage.objects import UnknownObject, open_objects


class TrainingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a run."""

    learner: dict[str, Any]  # {name, settings}
    curve: list[dict[str, float]]  # of each checkpoint
    seconds: list[float]  # of each, from the start
    stopped: str | None  # why it ended early
    choice: dict[str, Any]  # `Choice.to_json`
    history: dict[str, Any]  # `HistoryFacts.to_json`
    notes: list[str]  # what was worth knowing of the history
    device: str | None = None  # what it was computed on, of learners that say so


def keep(home: Home, model: str, record: TrainingRecord) -> None:
    """Write it beside the model."""
    open_objects(str(home.path)).put(training_path(model), msgspec.json.encode(record))


def record_of(home: Home, model: str) -> TrainingRecord | None:
    """What was kept of a model; None of those that learned from single decisions."""
    try:
        return msgspec.json.decode(open_objects(str(home.path)).get(training_path(model)), type=TrainingRecord)
    except UnknownObject:
        return None
