"""A training run: episodes in, checkpoints out, each with what the learner says of itself. It can be killed and go on.

Question answered: what does the loop's learner make of these episodes, and how did that go? Nothing is chosen here: the
curves of all checkpoints are handed on. A run that diverges (a number that is not finite, or an expected return that no
policy could earn) is stopped, with the reason; what came before stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.clock import Clock, SystemClock
from policyloop.core.episode import EpisodeLearner, EpisodePolicy, Transitions
from policyloop.core.errors import BadSetting, Diverged
from policyloop.core.loop import LoopSpec
from policyloop.core.policy import Tensors
from policyloop.core.state import StateEncoder
from policyloop.learn.train import LEARNERS

UPDATES = 28_000  # where neither the loop nor the learner's file says otherwise
CHECKPOINTS = 28
OF_THE_RUN = ("updates", "checkpoint_every", "goes_on")  # settings of `learner:` that are the run's and not the learner's
_BEYOND = 2.0  # times what the highest reward for ever would bring: an expected return above has let go of the data


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Checkpoint:
    """What had been learned after so many updates."""

    n_updates: int
    metrics: Mapping[str, float]  # means since the last one, and how it stands on data and on held-out episodes
    policy: EpisodePolicy
    seconds: float = 0.0  # from the start of the run

    def line(self) -> dict[str, float]:
        """What a curve has of it: `n_updates`, and the metrics."""
        return {"n_updates": self.n_updates, **self.metrics}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A training run at its end."""

    checkpoints: tuple[Checkpoint, ...]
    n_updates: int  # that were wanted
    stopped: str | None  # why it ended before that; None: it did not
    is_early: bool = False  # it ended because it had shown all that it would
    device: str | None = None  # what it was computed on, of learners that say so

    @property
    def curve(self) -> list[dict[str, float]]:
        """A mapping for each checkpoint, in order."""
        return [checkpoint.line() for checkpoint in self.checkpoints]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resumable:
    """Where a run stood that did not end."""

    checkpoints: tuple[Checkpoint, ...]
    state: Tensors  # of the learner, after the last of them


OnCheckpoint = Callable[[Checkpoint, Tensors], None]  # told of each, with the learner's state, to go on from
OnDevice = Callable[[str], None]  # told once, of what a run is computed on, before its first update


@dataclass(frozen=True, slots=True)
class Length:
    """How long a run is."""

    updates: int
    checkpoint_every: int


def train_offline(
    train: Transitions,
    held_out: Transitions,
    *,
    spec: LoopSpec,
    seed: int,
    on_checkpoint: OnCheckpoint = lambda checkpoint, state: None,
    resume_from: Resumable | None = None,
    begin_with: EpisodePolicy | None = None,
    clock: Clock | None = None,
    is_over: Callable[[list[dict[str, float]]], bool] = lambda curve: False,
    on_device: OnDevice = lambda device: None,
) -> Run:
    """Learn from episodes for as many updates as the loop says; equal arguments give equal checkpoints on one machine.

    Args:
        train: below the split, looked at by learn/thin.py.
        held_out: at or above it; the learner is diagnosed on them and never learns from them. May be empty.
        spec: of the loop; its learner has a `create_episodic`.
        seed: of the weights and of what is drawn while learning.
        on_checkpoint: told of each new checkpoint.
        resume_from: what `on_checkpoint` was told before the run was killed, of a run with equal arguments.
        begin_with: what an earlier run learned, to go on from; None: from nothing.
        clock: measures how long it takes; None: the system's.
        is_over: asked with the curve so far: whether the run has shown all that it will.
        on_device: told of the device, where the learner says which.

    Raises:
        UnknownName, MissingLibrary: there is no such learner, or its library is not installed.
        BadSetting: a setting is outside its range, or the learner cannot learn from episodes.
    """
    length, learner = length_of(spec), learner_of(spec, train, held_out, seed=seed)
    if begin_with is not None:
        _begin(learner, begin_with, spec)
    device = getattr(learner, "device", None)
    if device is not None:
        on_device(device)
    time = clock or SystemClock()
    done = list(resume_from.checkpoints) if resume_from else []
    if resume_from:
        learner.resume(resume_from.state)
    start_s = time.monotonic_s() - (done[-1].seconds if done else 0.0)
    n_updates, stopped = done[-1].n_updates if done else 0, why_stopped(done[-1], spec) if done else None
    while n_updates < length.updates and stopped is None:
        n = min(length.checkpoint_every - n_updates % length.checkpoint_every, length.updates - n_updates)
        try:
            metrics = {**learner.advance(n), **learner.diagnose()}
        except Diverged as error:
            stopped = f"diverged after {n_updates + n:,} updates: {error.message}"
            break
        n_updates += n
        checkpoint = _checkpoint(learner.policy(), metrics, held_out, n_updates=n_updates, seconds=time.monotonic_s() - start_s)
        stopped = why_stopped(checkpoint, spec)
        if stopped is None:
            done.append(checkpoint)
            on_checkpoint(checkpoint, learner.state())
            if is_over([one.line() for one in done]):
                told = f"was stopped early, after {n_updates:,} updates: it had shown all that it would."
                return Run(checkpoints=tuple(done), n_updates=length.updates, stopped=told, is_early=True, device=device)
    return Run(checkpoints=tuple(done), n_updates=length.updates, stopped=stopped, device=device)


def _checkpoint(
    policy: EpisodePolicy, metrics: Mapping[str, float], held_out: Transitions, *, n_updates: int, seconds: float
) -> Checkpoint:
    """What is kept of a moment of the run."""
    told = {name: float(value) for name, value in metrics.items()} | max_q_of(policy, held_out)
    return Checkpoint(n_updates=n_updates, metrics=told, policy=policy, seconds=seconds)


def max_q_of(policy: EpisodePolicy, held_out: Transitions) -> dict[str, float]:
    """`max_q`: the mean return that a policy expects of its own best action along one episode, the first that is held out.

    The same episode for all models of a line, as long as it is in the window; what a policy does not say is left out.
    """
    states = held_out.state[: int(held_out.lengths[0])] if len(held_out) else held_out.state
    if not len(states):
        return {}
    has_numbers = held_out.action_value.shape[1] > 0
    q = policy.value(states, policy.act(states)) if has_numbers else policy.scores(states).max(axis=1)
    mean = float(np.asarray(q, dtype=np.float64).mean())
    return {"max_q": mean} if math.isfinite(mean) else {}


def goes_on(spec: LoopSpec) -> bool:
    """Whether each training goes on from the model that decides, instead of from nothing: a line of versions.

    Raises:
        BadSetting: the setting is neither true nor false.
    """
    value = spec.learner.settings.get("goes_on", False)
    if not isinstance(value, bool):
        raise BadSetting(f"learner.goes_on is {value}; expected true or false.")
    return value


def _begin(learner: EpisodeLearner, policy: EpisodePolicy, spec: LoopSpec) -> None:
    """Let it begin with what a policy knows.

    Raises:
        BadSetting: this learner cannot.
        BadModel: the policy is of another shape.
    """
    begin = getattr(learner, "begin_with", None)
    if begin is None:
        raise BadSetting(
            f"learner.goes_on is true, and {spec.learner.name} cannot go on from a model; expected dqn or cql_discrete, "
            f"or goes_on: false."
        )
    begin(policy)


def learner_of(spec: LoopSpec, train: Transitions, held_out: Transitions, *, seed: int) -> EpisodeLearner:
    """The loop's learner, knowing nothing yet; errors as in `train_offline`."""
    plugin = plugins.load(LEARNERS, spec.learner.name)
    if not hasattr(plugin, "create_episodic"):
        raise BadSetting(
            f"learner.name is {spec.learner.name}, which learns from decisions that are alone; expected one that learns from "
            f"episodes, such as cql, iql, rebrac, or fqi where JAX is not installed."
        )
    settings: dict[str, Any] = {name: value for name, value in spec.learner.settings.items() if name not in OF_THE_RUN}
    made: EpisodeLearner = plugin.create_episodic(train, held_out, actions=spec.actions, seed=seed, **settings)
    return made


def check_learner(spec: LoopSpec) -> None:
    """Build the loop's learner once, on a history of next to nothing; errors as in `train_offline`.

    Raises:
        Invalid: a field of the context cannot be told in numbers.
    """
    encoder = StateEncoder.of(spec.context.values())
    length_of(spec)
    is_line = goes_on(spec)
    nothing = _next_to_nothing(
        encoder,
        n_parts=len(spec.actions.choices) or int(bool(spec.labels)),
        middle=np.array([(part.low + part.high) / 2 for part in spec.actions.box], dtype=np.float32),
    )
    made = learner_of(spec, nothing, nothing, seed=0)
    if is_line:
        _begin(made, made.policy(), spec)


def length_of(spec: LoopSpec) -> Length:
    """How many updates, and after how many of them a checkpoint: as the loop says, else as the learner's file does.

    Raises:
        BadSetting: one of them is not a whole number of 1 or more.
    """
    plugin = plugins.load(LEARNERS, spec.learner.name)
    updates = spec.learner.settings.get("updates", getattr(plugin, "UPDATES", UPDATES))
    every = spec.learner.settings.get("checkpoint_every", getattr(plugin, "CHECKPOINT_EVERY", None))
    for name, value in (("updates", updates), ("checkpoint_every", every)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**9):
            raise BadSetting(f"learner.{name} is {value}; expected a whole number of 1 or more.")
    return Length(updates, min(every or max(1, updates // CHECKPOINTS), updates))


def largest_value(spec: LoopSpec) -> float:
    """What the reward of the greatest size would bring, earned for ever; infinite without a discount or an end."""
    assert spec.episodes is not None, "a loop without episodes"
    size, discount = max(abs(spec.reward.low), abs(spec.reward.high)), spec.episodes.discount
    if discount < 1:
        return size / (1 - discount)
    return size * spec.episodes.max_steps if spec.episodes.max_steps else math.inf


def _next_to_nothing(encoder: StateEncoder, *, n_parts: int, middle: NDArray[np.float32]) -> Transitions:
    """Two steps in which nothing happens but the middle of the box."""
    state, words = np.zeros((2, *encoder.shape), dtype=encoder.dtype), np.full(2, "", dtype=object)
    return Transitions(
        state=state,
        action=np.zeros((2, n_parts), dtype=np.int32),
        action_value=np.stack([middle, middle]),
        reward=np.zeros(2, dtype=np.float32),
        next_state=state,
        terminated=np.zeros(2, dtype=bool),
        truncated=np.array([False, True]),
        episode=np.zeros(2, dtype=np.int64),
        step=np.arange(2),
        propensity=np.full(2, np.nan),
        propensity_kind=words,
        action_source=words,
        split=np.zeros(2),
    )


def why_stopped(checkpoint: Checkpoint, spec: LoopSpec) -> str | None:
    """Why learning on from here makes no sense; None where it does."""
    at = f"after {checkpoint.n_updates:,} updates"
    for name, value in checkpoint.metrics.items():
        if not math.isfinite(value):
            return f"diverged {at}: {name} is {value}. Lower learner.learning_rate."
    q_mean, most = checkpoint.metrics.get("q_mean", 0.0), largest_value(spec)
    if abs(q_mean) > _BEYOND * most:
        return (
            f"diverged {at}: the mean expected return is {q_mean:.4g}, and no policy could earn more than {most:.4g}. "
            f"Lower learner.learning_rate, or raise the conservative weight."
        )
    return None
