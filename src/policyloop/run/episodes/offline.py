"""A refresh of a loop with episodes: a training run from the transitions of now, and the checkpoint that its curves speak for.

Question answered: what does the job `train` do where decisions change what comes next? The history is looked at first, the run
is kept in the job's folder and goes on there after a kill, the checkpoint is chosen without any environment, and the model is
published as OFFLINE-CHOSEN: nobody has seen it act, so it does not go live by itself. All curves are kept beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pyarrow.compute as pc
import safetensors.numpy

from policyloop import __version__
from policyloop.core.clock import US_PER_S, hour_of
from policyloop.core.episode import Transitions
from policyloop.core.errors import NothingToDo
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.policy import Tensors
from policyloop.core.state import StateEncoder
from policyloop.evaluate.choice import Choice, choose, newest
from policyloop.evaluate.chosen import held_against_history
from policyloop.evaluate.exploring import Exploring
from policyloop.evaluate.history import HistoryFacts, check_is_enough, facts_of
from policyloop.ingest.parts import part_names
from policyloop.lake.schema import DECISIONS, TRANSITIONS
from policyloop.lake.tables import Snapshot, in_hours
from policyloop.learn.checkpoints import CheckpointFolder
from policyloop.learn.offline import Checkpoint, OnCheckpoint, Run, goes_on, length_of, train_offline
from policyloop.learn.thin import FEWEST_EPISODES, FEWEST_OF_LINE, check_history
from policyloop.policy.network import Network
from policyloop.policy.predicted_states import network_of
from policyloop.policy.support import support_tensors
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import job_folder, training_records
from policyloop.run.episodes.choice_in_short import in_short
from policyloop.run.episodes.training_records import TrainingRecord
from policyloop.run.refreshed import Refreshed


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What a line of versions goes on from."""

    model: str  # digest
    network: Network


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trained:
    """A run with the checkpoint that is chosen of it."""

    run: Run
    choice: Choice
    history: HistoryFacts
    notes: tuple[str, ...]  # what is worth knowing of the history
    begun_with: Known | None = None  # what it went on from; None: from nothing

    @property
    def chosen(self) -> Checkpoint | None:
        """None where there is none to choose."""
        return None if self.choice.place is None else self.run.checkpoints[self.choice.place]

    def record(self, spec: LoopSpec) -> TrainingRecord:
        """What is kept of it beside the model."""
        return TrainingRecord(
            learner={"name": spec.learner.name, "settings": dict(spec.learner.settings)},
            curve=self.run.curve,
            seconds=[checkpoint.seconds for checkpoint in self.run.checkpoints],
            stopped=self.run.stopped,
            choice=self.choice.to_json(),
            history=self.history.to_json(),
            notes=list(self.notes),
            device=self.run.device,
        )


def refresh_offline(
    deployment: Deployment,
    standing: Standing,
    history: Transitions,
    *,
    snapshot: Snapshot,
    job_id: int,
    on_checkpoint: OnCheckpoint | None = None,
    notes: tuple[str, ...] = (),
) -> Refreshed:
    """Train, choose and publish; what a killed job had learned is not learned again.

    Args:
        standing: of a loop with episodes.
        history: its transitions of both splits.
        snapshot: table -> version that they were read from; recorded only.
        job_id: of the job that this is, whose folder keeps the run.
        on_checkpoint: told of each new checkpoint.
        notes: what is worth knowing of how the history was read.

    Raises:
        NothingToDo: the history cannot support a choice, and nothing was learned; or no checkpoint of the run can be chosen.
        Invalid: the history is too thin to learn from, or rows of it are wrong.
    """
    spec = standing.spec
    folder = job_folder.folder_to_go_on_in(deployment.home, deployment.records, job_id)
    known = _known(deployment, standing)
    trained = train_and_choose(
        history, spec, seed=len(history), folder=folder, on_checkpoint=on_checkpoint, begin_with=known, notes=notes
    )
    folder.tell({"stopped": trained.run.stopped, "choice": trained.choice.to_json()})
    if trained.chosen is None or not trained.choice.is_made:
        why = [trained.run.stopped] if trained.run.stopped else []
        raise NothingToDo(" ".join([f"loop '{spec.loop}': no checkpoint was chosen.", *why, *trained.choice.sentences]))
    manifest, tensors = packed(
        trained,
        spec,
        history.to_learn_from(spec.train.split),
        parent=standing.champion,
        snapshot=snapshot,
        trained_until=_newest_us(deployment, spec.loop),
        seed=len(history),
    )
    model = deployment.registry.publish(manifest, tensors)
    training_records.keep(deployment.home, model, trained.record(spec))
    deployment.registry.choose_offline(spec.loop, model, trained.choice.sentences)
    CheckpointFolder(folder.path).drop_weights()
    folder.tell({"model": model})
    job_folder.clear_old(deployment.home)
    return Refreshed(
        model=model,
        n_examples=manifest.n_examples,
        verdict=None,
        told=_told(trained),
        in_short=(*notes, *in_short(trained.choice, model=model, n=manifest.n_examples, spec=spec)),
    )


def train_and_choose(
    history: Transitions,
    spec: LoopSpec,
    *,
    seed: int,
    folder: job_folder.JobFolder | None = None,
    on_checkpoint: OnCheckpoint | None = None,
    begin_with: Known | None = None,
    notes: tuple[str, ...] = (),
) -> Trained:
    """A run of the loop's learner on a history, and its choice.

    Args:
        history: of both splits.
        spec: of the loop.
        seed: of the run.
        folder: where checkpoints are kept and gone on with; None: nowhere.
        on_checkpoint: told of each new checkpoint.
        begin_with: the model that a line goes on from; None: from nothing.
        notes: what is known of the history already; more may be found.

    Raises:
        NothingToDo: the history cannot support a choice, or the run has no checkpoint.
        Invalid: the history is too thin to learn from, or rows of it are wrong.
    """
    train, held_out = history.to_learn_from(spec.train.split), history.to_evaluate_on(spec.train.split)
    facts, found = _looked_at(train, held_out, spec)
    notes = (*notes, *found)
    kept = None if folder is None else CheckpointFolder(folder.path)
    resumed = None if kept is None else kept.begin(_identity(history, spec, seed, begin_with))
    if folder is not None:
        folder.tell(_facts(train, held_out, spec, notes))

    def told(checkpoint: Checkpoint, state: Tensors) -> None:
        if kept is not None:
            kept.keep(checkpoint, state)
        if on_checkpoint is not None:
            on_checkpoint(checkpoint, state)

    def told_device(device: str) -> None:
        if folder is not None:
            folder.tell({"device": device})

    run = train_offline(
        train,
        held_out,
        spec=spec,
        seed=seed,
        on_checkpoint=told,
        resume_from=resumed,
        begin_with=begin_with.network if begin_with else None,
        on_device=told_device,
    )
    if not run.checkpoints:
        raise NothingToDo(f"loop '{spec.loop}': the training run {run.stopped}")
    if goes_on(spec):
        return Trained(run=run, choice=newest(run.curve, history=facts), history=facts, notes=notes, begun_with=begin_with)
    return Trained(run=run, choice=_chosen(run, held_out, facts, spec), history=facts, notes=notes)


def _looked_at(train: Transitions, held_out: Transitions, spec: LoopSpec) -> tuple[HistoryFacts, tuple[str, ...]]:
    """What a history is, and what is worth knowing of it, where it can be learned and chosen from."""
    names = StateEncoder.of(spec.context.values()).names
    fewest = FEWEST_OF_LINE if goes_on(spec) else FEWEST_EPISODES
    notes = check_history(train, actions=spec.actions, loop=spec.loop, names=names, fewest=fewest)
    facts = facts_of(train, held_out, highest_reward=spec.reward.high)
    if not goes_on(spec):  # a version of a line shows what it is worth by playing
        check_is_enough(facts, loop=spec.loop)
    return facts, tuple(notes)


def _chosen(run: Run, held_out: Transitions, facts: HistoryFacts, spec: LoopSpec) -> Choice:
    """The checkpoint that the curves speak for, and what whole episodes say of it."""
    choice = choose(run.curve, history=facts)
    if choice.place is None:
        return choice
    policy, exploring = run.checkpoints[choice.place].policy, Exploring.of(spec)
    told, _ = held_against_history(
        choice, policy, held_out, actions=spec.actions, floor=spec.explore.floor, exploring=exploring
    )
    return told


def packed(
    trained: Trained,
    spec: LoopSpec,
    train: Transitions,
    *,
    parent: str | None,
    snapshot: Mapping[str, int],
    trained_until: int,
    seed: int,
) -> tuple[Manifest, bytes]:
    """The chosen checkpoint as a model that is not yet published; with the range of the states that it learned from."""
    chosen = trained.chosen
    assert chosen is not None, "nothing was chosen"
    settings, tensors = chosen.policy.save()
    arrays = {**tensors, **support_tensors(train.state)}
    data = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    explore = {"name": spec.explore.name, "floor": spec.explore.floor, "settings": dict(spec.explore.settings)}
    sizes = {"n": len(train), "n_episodes": train.n_episodes}
    progress: dict[str, Any] = {**chosen.line(), **sizes, "chosen_by": trained.choice.rule}
    if trained.begun_with is not None:
        progress["goes_on_from"] = trained.begun_with.model
    manifest = Manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe=spec.recipe,
        parent=parent,
        policy=chosen.policy.kind,
        settings=settings,
        features={"kind": "state", **StateEncoder.of(spec.context.values()).to_json()},
        labels=list(spec.labels) if spec.labels else part_names(spec.actions),
        explorer={**explore, "reward_span": spec.reward.high - spec.reward.low},
        learner={"name": spec.learner.name, "settings": dict(spec.learner.settings)},
        snapshot=dict(snapshot),
        trained_until=trained_until,
        n_examples=len(train),
        seed=seed,
        code=__version__,
        tensors=hashlib.sha256(data).hexdigest(),
        progress={name: value if isinstance(value, str) else float(value) for name, value in progress.items()},
    )
    return manifest, data


def _known(deployment: Deployment, standing: Standing) -> Known | None:
    """The champion, where the loop's models are a line and it is one of its versions."""
    if not goes_on(standing.spec) or standing.champion is None:
        return None
    stored = deployment.registry.load(standing.spec.loop, standing.champion)
    network = network_of(stored.loaded())
    is_version = network is not None and stored.manifest.recipe == standing.spec.recipe
    return Known(standing.champion, network) if network is not None and is_version else None


def _identity(history: Transitions, spec: LoopSpec, seed: int, begin_with: Known | None) -> dict[str, Any]:
    """All that the checkpoints of a run depend on."""
    hashed = hashlib.blake2b(digest_size=16)
    for column in fields(Transitions):
        value = getattr(history, column.name)
        if isinstance(value, np.ndarray) and value.dtype != object:
            hashed.update(np.ascontiguousarray(value).data)
    return {
        "recipe": spec.recipe,
        "learner": {"name": spec.learner.name, "settings": dict(spec.learner.settings)},
        "split": spec.train.split,
        "data": hashed.hexdigest(),
        "seed": seed,
        "code": __version__,
        **({"goes_on_from": begin_with.model} if begin_with else {}),
    }


def _facts(train: Transitions, held_out: Transitions, spec: LoopSpec, notes: tuple[str, ...]) -> dict[str, Any]:
    """What those who follow the run want to know."""
    return {
        "loop": spec.loop,
        "learner": spec.learner.name,
        "settings": dict(spec.learner.settings),
        "updates": length_of(spec).updates,
        "n_transitions": len(train),
        "n_episodes": train.n_episodes,
        "n_held_out": held_out.n_episodes,
        "notes": list(notes),
    }


def oldest_of(deployment: Deployment, spec: LoopSpec) -> int | None:
    """Where the loop's window begins: so long before its newest decision; None where it has none."""
    if spec.train.window_s is None:
        return None
    return max(_newest_us(deployment, spec.loop) - int(spec.train.window_s * US_PER_S), 0)


def left_by_window(deployment: Deployment, spec: LoopSpec) -> tuple[str, ...]:
    """What `train.window` keeps from being learned from, in a sentence; nothing where it keeps nothing."""
    oldest = oldest_of(deployment, spec)
    if oldest is None or not deployment.lake.exists(TRANSITIONS):
        return ()
    where = in_hours(spec.loop) + f" AND hour < '{hour_of(oldest)}'"
    n = deployment.lake.rows(TRANSITIONS, where=where, columns=["step"]).num_rows
    if not n:
        return ()
    return (
        f"{n:,} transitions are older than `train.window`, counted back from the newest decision, and are left out; with "
        f"`train: {{window: none}}` all are learned from.",
    )


def _newest_us(deployment: Deployment, loop: str) -> int:
    """When the newest decision was made that is in the tables, microseconds."""
    lake = deployment.lake
    hours = lake.hours(DECISIONS, loop=loop) if lake.exists(DECISIONS) else []
    if not hours:
        return 0
    return int(pc.max(lake.rows(DECISIONS, where=in_hours(loop, hours[-1]), columns=["decided_at"])["decided_at"]).as_py())


def _told(trained: Trained) -> str:
    """How it was chosen, and what comes next, in sentences."""
    stopped = [f"The run {trained.run.stopped}"] if trained.run.stopped else []
    return " ".join(["OFFLINE-CHOSEN.", *trained.choice.sentences, *stopped, *trained.notes])
