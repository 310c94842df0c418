"""A loop in hand: opened from Python or a notebook, and moved by the functions that the commands call.

Question answered: how does one look at a loop's examples, train, evaluate and promote without leaving Python? While
`policyloop up` runs, it stays the only one that writes the tables: what needs them is left to its worker, and waited for.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyarrow as pa

from policyloop.core.errors import TrainingFailed
from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.core.settings import Settings, read_settings
from policyloop.core.spec_file import read_spec, read_spec_file
from policyloop.interop.import_rows import Imported
from policyloop.join.audit import Audit
from policyloop.join.hour_states import n_examples
from policyloop.join.hours import audit_loop
from policyloop.lake import views
from policyloop.run import jobs, shown
from policyloop.run.apply import apply_spec
from policyloop.run.by_hand import ask_worker, join_by_hand, train_by_hand
from policyloop.run.challenges import challenging
from policyloop.run.challenges.gate_state import GateState, gate_state
from policyloop.run.deployment import Deployment, check_is_there, open_deployment
from policyloop.run.importing import import_files
from policyloop.run.jobs import Job
from policyloop.run.questions.estimates import estimates_beside_baseline
from policyloop.run.questions.importance import Weighed, importance_of
from policyloop.run.questions.labelled import with_labels
from policyloop.run.results import Change, Evaluation, TrainResult

Folder = str | os.PathLike[str]

_LOOK_EVERY_S = 0.1  # at a job of the worker
_PATIENCE_S = 600.0
_MODEL_SCHEMA = pa.schema(
    [
        ("model", pa.string()),
        ("state", pa.string()),  # challenger, live, replaced, retired, refused or rolled-back
        ("parent", pa.string()),
        ("spec", pa.string()),
        ("recipe", pa.string()),
        ("n_examples", pa.int64()),
        ("created_at", pa.timestamp("us", tz="UTC")),
    ]
)
_VERDICT_SCHEMA = pa.schema(
    [
        ("at", pa.timestamp("us", tz="UTC")),
        ("kind", pa.string()),
        ("verdict", pa.string()),
        ("model", pa.string()),
        ("champion", pa.string()),
        ("n_evidence", pa.int64()),
        ("sentence", pa.string()),
    ]
)


class Loop:
    """One loop of a data folder. `Loop.open` or `Loop.apply` makes one; close it, or use it in a `with`.

    Attributes:
        name: the loop's name, whichever alias it was opened by.
    """

    def __init__(self, deployment: Deployment, name: str, *, resources: ExitStack) -> None:
        self._deployment = deployment
        self._close = weakref.finalize(self, resources.close)
        self.name = deployment.registry.standing(name).spec.loop

    @classmethod
    def open(cls, name: str, *, data: Folder | None = None) -> Loop:
        """Open a loop that is there.

        Args:
            name: its name or an alias.
            data: the data folder; None: the one of the project in the current folder, as for every command.

        Raises:
            NothingToDo: there is no data folder at that place.
            UnknownLoop: it has no such loop; the nearest name is suggested.
        """
        settings = _settings(data)
        check_is_there(settings.home)
        return cls._opened(settings, name, apply=None)

    @classmethod
    def apply(cls, spec: Folder | Mapping[str, Any], *, data: Folder | None = None) -> Loop:
        """Make a loop file hold, as `policyloop apply` does, and open its loop; the data folder is made where it is missing.

        Args:
            spec: path of a loop file, or its keys.
            data: the data folder; None: the one of the project in the current folder.

        Raises:
            Invalid: the file does not fit; every fault in it is listed.
            SpecRefused: a model is live and the change is not compatible; nothing was changed.
        """
        settings = _settings(data)
        defaults = settings.loop_defaults
        if isinstance(spec, Mapping):
            read = read_spec(spec, defaults=defaults)
        else:
            read = read_spec_file(Path(spec), defaults=defaults)
        return cls._opened(settings, read.loop, apply=read)

    @property
    def spec(self) -> LoopSpec:
        """The spec that holds now."""
        return self._deployment.registry.standing(self.name).spec

    @property
    def champion(self) -> str | None:
        """Digest of the model that serves; None: the baseline decides."""
        return self._deployment.registry.standing(self.name).champion

    @property
    def deployment(self) -> Deployment:
        """The open data folder, for functions that take one, such as `policyloop.diagnose`."""
        return self._deployment

    def examples(self) -> pa.Table:
        """The loop's examples as the tables have them, in the order of the log.

        Returns:
            The columns of the table `examples` (docs/events.md), and `label`: the taken action as people call it. Times
            are microseconds since 1970 UTC. `.to_pandas()` makes a data frame of it.
        """
        found = views.examples(self._deployment.lake, self.name)
        return with_labels(found, self._deployment, self.spec)

    def join(self) -> Audit:
        """Bring the log into the tables and the examples up to date, and count what became of every event.

        While a worker runs, it does the work and this only counts.
        """
        join_by_hand(self._deployment, self.spec)
        return audit_loop(self._deployment.lake, self._deployment.records, self.name)

    def import_file(self, file_format: str, file: Folder, *, policy: str = "file", outcome: str | None = None) -> Imported:
        """Bring in decisions and outcomes that another system logged, as `policyloop import` does; arguments are as there.

        Raises:
            Invalid: some rows do not fit; nothing was written.
        """
        return import_files(
            self._deployment, self.spec, file_format=file_format, files=[Path(file)], policy=policy, outcome=outcome
        )

    def train(self, *, timeout_s: float = _PATIENCE_S) -> TrainResult:
        """Join, train a new model, let the gate judge it, and promote it when the gate lets it.

        It is done here, under the worker's lease; while a worker runs, the worker does it and this waits.

        Args:
            timeout_s: how long to wait for the worker, seconds; a training that takes longer goes on without us.

        Raises:
            NothingToDo: there is no example to learn from.
            TrainingFailed: the worker's training failed.
        """
        done = train_by_hand(self._deployment, self.spec)
        if done is not None:
            return TrainResult(loop=self.name, sentence=done.sentence, model=done.model, verdict=done.verdict)
        return self._trained_by_worker(timeout_s)

    def evaluate(self, model: str | None = None) -> Evaluation:
        """What a model would have earned on logged traffic that nobody learned from.

        Args:
            model: a digest or the start of one, champion, previous, anchor or baseline; None: the champion, or the
                baseline while there is none.

        Raises:
            UnknownModel: the loop has no such model.
            NothingToDo: no example may speak for or against a policy yet.
        """
        found = estimates_beside_baseline(self._deployment, self.name, model)
        return Evaluation(loop=self.name, model=found[0].model, estimates=tuple(found), logged=found[0].logged)

    def features(self, model: str | None = None) -> Weighed:
        """What each field is worth to a model, as `policyloop features` tells it.

        Args:
            model: a digest or the start of one, champion, previous or anchor; None: the champion.

        Raises:
            UnknownModel: the loop has no such model.
            NothingToDo: the baseline decides, which looks at no field, or there are too few examples.
        """
        return importance_of(self._deployment, self.name, model)

    def promote(self, model: str, *, why: str) -> Change:
        """Make a model champion, whatever the gate said of it; `rollback` takes it back.

        Args:
            model: its digest, or the start of it.
            why: your reason; it is kept with the verdict.

        Raises:
            UnknownModel: the loop has no such model.
            PromotionRefused: as things stand now it may not go live; the message says why.
        """
        registry = self._deployment.registry
        row = registry.promote_by_person(self.name, registry.find(self.name, model).model, why=why)
        return Change(loop=self.name, champion=row.champion, previous=row.previous)

    def rollback(self, *, why: str) -> Change:
        """Take the champion back: the model before it decides again, or the baseline.

        Raises:
            NothingToDo: the baseline decides already.
        """
        before = self.champion
        row = self._deployment.registry.roll_back_by_person(self.name, why=why)
        return Change(loop=self.name, champion=row.champion, previous=before)

    def challenge(self, recipe: str | Mapping[str, Any], *, why: str) -> GateState:
        """Let another recipe challenge the one that serves, like `policyloop challenge`; `policyloop up` carries it on.

        Args:
            recipe: YAML, or the mapping that it holds: what is to differ of learner, explore, reward and context.
            why: the reason, which is kept.

        Raises:
            Invalid: the recipe is none; every fault is listed.
            ChallengeRefused: it is the loop's own, changes what callers rely on, or another challenge goes on.
        """
        challenging.begin(self.deployment, self.spec.loop, recipe, why=why)
        return self.gate()

    def gate(self) -> GateState:
        """Where the loop's challenge stands, what it waits for, and what speaks for and against it."""
        return gate_state(self.deployment, self.spec.loop)

    def models(self) -> pa.Table:
        """The loop's models, newest first."""
        rows = self._deployment.registry.models(self.name)[::-1]
        return pa.Table.from_pylist([{name: getattr(row, name) for name in _MODEL_SCHEMA.names} for row in rows], _MODEL_SCHEMA)

    def verdicts(self, *, limit: int = 100) -> pa.Table:
        """What the gate, or a person, decided about the loop's models, newest first; at most `limit`."""
        found = self._deployment.registry.verdicts(self.name, limit=limit)
        told = [name for name in _VERDICT_SCHEMA.names if name not in ("at", "verdict")]
        rows = [
            {"at": row.at, "verdict": row.verdict.call, **{name: getattr(row.verdict, name) for name in told}} for row in found
        ]
        return pa.Table.from_pylist(rows, _VERDICT_SCHEMA)

    def close(self) -> None:
        """Close the data folder; closing twice does nothing."""
        self._close()

    def __enter__(self) -> Loop:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        told = ", ".join(
            f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in self._facts().items()
        )
        return f"Loop('{self.name}': {told})"

    def _repr_html_(self) -> str:
        return shown.facts(f"loop {self.name}", self._facts())

    def _facts(self) -> dict[str, object]:
        """What one wants to know at a glance."""
        spec = self.spec
        return {
            "champion": short(self.champion),
            "baseline": spec.baseline,
            "examples": n_examples(self._deployment.records, self.name),
            "models": len(self._deployment.registry.models(self.name)),
        }

    @classmethod
    def _opened(cls, settings: Settings, name: str, *, apply: LoopSpec | None) -> Loop:
        with ExitStack() as resources:
            deployment = resources.enter_context(open_deployment(settings.home))
            if apply is not None:
                apply_spec(deployment, apply)
            return cls(deployment, name, resources=resources.pop_all())

    def _trained_by_worker(self, timeout_s: float) -> TrainResult:
        """Ask the worker for a training, and wait until it is done."""
        records = self._deployment.records
        job, _ = ask_worker(self._deployment, self.name)
        until_s = time.monotonic() + timeout_s
        while (job := jobs.get(records, job.id)).state not in ("done", "failed"):
            if time.monotonic() > until_s:
                return TrainResult(loop=self.name, sentence=f"the worker's training is {job.state}", model=None, verdict=None)
            time.sleep(_LOOK_EVERY_S)
        if job.state == "failed":
            raise TrainingFailed(self.name, job.message or "nobody knows why")
        return self._result_of(job)

    def _result_of(self, job: Job) -> TrainResult:
        """What a worker's job made: the verdict that was recorded while it ran."""
        newest = self._deployment.registry.verdicts(self.name, limit=1)
        is_its = bool(newest) and newest[0].verdict.kind == "refresh" and newest[0].at >= (job.started_at or 0)
        verdict = newest[0].verdict if is_its else None
        model = verdict.model if verdict is not None else self.champion
        return TrainResult(loop=self.name, sentence=job.message or "", model=model, verdict=verdict)


def _settings(data: Folder | None) -> Settings:
    return read_settings(Path.cwd(), flags={"home.path": None if data is None else os.fspath(data)})
