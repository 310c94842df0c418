"""Tuning learners of episodes: training runs with other settings, several side by side where their networks have one shape.

Question answered: which learning rate, width, depth and conservative weight would have served this history? Settings are
suggested in rounds by what the rounds before were worth; a round's runs of one shape are one population, trained in one
compiled update. A run that breaks down is an attempt with a reason, and the search goes on. What a run is worth is the
caller's to say: a small error is not it.
Source: Bergstra, Bardenet, Bengio & Kégl 2011 (tree-structured Parzen estimator), as Optuna has it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import optuna

from policyloop.core import plugins
from policyloop.core.episode import EpisodeLearner, EpisodePolicy, Transitions
from policyloop.core.errors import BadSetting, PolicyloopError
from policyloop.core.loop import LoopSpec
from policyloop.core.plugin_settings import settings_of
from policyloop.core.search_space import Between, OneOf, Searched, searched_of
from policyloop.learn.offline import OF_THE_RUN, Checkpoint, Length, length_of, max_q_of, train_offline, why_stopped
from policyloop.learn.train import LEARNERS

USUAL: Mapping[str, OneOf | Between] = {  # of learners whose file says nothing itself, as far as they have such settings
    "learning_rate": Between(1e-4, 3e-3, is_log=True),
    "width": OneOf((64, 128, 256)),
    "depth": OneOf((2, 3)),
    "conservative_weight": Between(0.05, 5.0, is_log=True),
    "actor_weight": Between(0.001, 0.3, is_log=True),
    "alpha": Between(0.5, 10.0, is_log=True),
    "expectile": Between(0.6, 0.95),
}
PER_ROUND = 4  # runs that are suggested at once
_DIGITS = 3
_MAKER = "create_episodic"

Curve = list[dict[str, float]]
OnLine = Callable[[int, dict[str, float]], None]  # told of each line of each attempt
IsOver = Callable[[Curve], bool]  # whether a run has shown all that it will


class Together(Protocol):
    """Learners of one shape in step with one another, as a learner's library has them."""

    def advance(self, n_updates: int) -> list[Mapping[str, float] | None]:
        """Learn for so many updates; of each member the means, None of one that diverged."""
        ...

    def member(self, i: int) -> EpisodeLearner:
        """One of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run that is to be made."""

    number: int  # 0: the loop's own settings
    settings: Mapping[str, Any]  # of the learner, with those of the run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tried:
    """One run that was made."""

    number: int
    settings: Mapping[str, Any]
    curve: Curve
    policies: Mapping[int, EpisodePolicy]  # n_updates -> what had been learned
    seconds: float
    failure: str | None = None  # why it broke down; its curve goes up to there


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Runs of one shape, with all that they need: a plain value, so that it can be made on another machine."""

    spec: LoopSpec
    train: Transitions
    held_out: Transitions
    trials: tuple[Trial, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Space:
    """What is searched of a loop's learner."""

    spec: LoopSpec
    searched: Searched

    def trial(self, number: int, asked: optuna.Trial) -> Trial:
        """The next run."""
        found = {name: _suggested(asked, name, values) for name, values in self.searched.items()}
        return Trial(number=number, settings={**self.spec.learner.settings, **found})


def space_of(spec: LoopSpec) -> Space:
    """What is searched of the loop's learner.

    Raises:
        BadSetting: nothing is.
    """
    plugin = plugins.load(LEARNERS, spec.learner.name)
    own = searched_of(plugin) if hasattr(plugin, "SEARCHED") else None
    known = settings_of(LEARNERS, spec.learner.name, _MAKER) or ()
    searched = own or {name: values for name, values in USUAL.items() if name in known}
    if not searched:
        raise BadSetting(f"learner.name is {spec.learner.name}, of which no setting is searched; set them in the loop file.")
    return Space(spec, searched)


def new_study(seed: int) -> optuna.Study:
    """A search that knows nothing yet; equal seeds and worths, equal suggestions."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=8))


def tell(study: optuna.Study, asked: optuna.Trial, worth: float | None) -> None:
    """Let the search know what a run was worth; None: it left nothing to choose."""
    if worth is None:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(asked, worth)


def groups_of(spec: LoopSpec, trials: Sequence[Trial], train: Transitions, held_out: Transitions, *, seed: int) -> list[Group]:
    """The runs of a round, those of one shape together, where the learner has populations."""
    shapes: dict[object, list[Trial]] = {}
    for trial in trials:
        whole = {name: value for name, value in trial.settings.items() if not isinstance(value, float)}
        key = repr(sorted(whole.items(), key=str)) if _has_populations(spec) else trial.number
        shapes.setdefault(key, []).append(trial)
    return [Group(spec=spec, train=train, held_out=held_out, trials=tuple(some), seed=seed) for some in shapes.values()]


def run_group(
    group: Group, *, on_line: OnLine = lambda number, line: None, is_over: IsOver = lambda curve: False
) -> list[Tried]:
    """Make the runs of a group; each is what it would be alone, to rounding.

    Args:
        on_line: told of each checkpoint's line.
        is_over: whether a run has shown all that it will.
    """
    if len(group.trials) > 1 and _has_populations(group.spec):
        return _side_by_side(group, on_line, is_over)
    return [_alone(group, trial, on_line, is_over) for trial in group.trials]


def _alone(group: Group, trial: Trial, on_line: OnLine, is_over: IsOver) -> Tried:
    """One run by itself."""
    start_s, kept = time.monotonic(), _Kept(on_line, trial.number)
    spec = replace(group.spec, learner=replace(group.spec.learner, settings=dict(trial.settings)))
    try:
        run = train_offline(
            group.train,
            group.held_out,
            spec=spec,
            seed=group.seed,
            on_checkpoint=lambda checkpoint, state: kept.keep(checkpoint),
            is_over=is_over,
        )
        failure = run.stopped if not run.is_early else None
    except PolicyloopError as error:
        failure = error.message
    except Exception as error:  # noqa: BLE001 - plug-ins of others fail as they please, and the search must go on
        failure = f"{type(error).__name__}: {error}"
    return kept.tried(trial, time.monotonic() - start_s, failure)


def _side_by_side(group: Group, on_line: OnLine, is_over: IsOver) -> list[Tried]:
    """Runs of one shape in one population; it ends when the last of them is over."""
    start_s = time.monotonic()
    plugin = plugins.load(LEARNERS, group.spec.learner.name)
    length = length_of(replace(group.spec, learner=replace(group.spec.learner, settings=dict(group.trials[0].settings))))
    members = [{"seed": group.seed, **_of_learner(trial)} for trial in group.trials]
    population: Together = plugin.POPULATION(
        plugin.create_episodic, group.train, group.held_out, actions=group.spec.actions, members=members
    )
    kept = [_Kept(on_line, trial.number) for trial in group.trials]
    failures: list[str | None] = [None] * len(kept)
    for n_updates in _stops(length):
        told = population.advance(n_updates - (_stop_before(n_updates, length)))
        for i, numbers in enumerate(told):
            if failures[i] is None and not is_over(kept[i].curve):
                failures[i] = kept[i].look(population.member(i), numbers, n_updates, group, time.monotonic() - start_s)
        if all(failure is not None or is_over(one.curve) for failure, one in zip(failures, kept, strict=True)):
            break
    seconds = time.monotonic() - start_s
    return [one.tried(trial, seconds, failure) for trial, one, failure in zip(group.trials, kept, failures, strict=True)]


class _Kept:
    """The curve and the policies of one run."""

    def __init__(self, on_line: OnLine, number: int) -> None:
        self._on_line, self._number = on_line, number
        self.curve: Curve = []
        self._policies: dict[int, EpisodePolicy] = {}

    def keep(self, checkpoint: Checkpoint) -> None:
        self.curve.append(checkpoint.line())
        self._policies[checkpoint.n_updates] = checkpoint.policy
        self._on_line(self._number, {**checkpoint.line(), "seconds": checkpoint.seconds})

    def look(
        self, learner: EpisodeLearner, told: Mapping[str, float] | None, n_updates: int, group: Group, seconds: float
    ) -> str | None:
        """Take a checkpoint of a member; answers why it broke down, None where it did not."""
        if told is None:
            return f"diverged after {n_updates:,} updates."
        try:
            metrics = {name: float(value) for name, value in {**told, **learner.diagnose()}.items()}
        except PolicyloopError as error:
            return error.message
        policy = learner.policy()
        metrics |= max_q_of(policy, group.held_out)
        checkpoint = Checkpoint(n_updates=n_updates, metrics=metrics, policy=policy, seconds=seconds)
        failure = why_stopped(checkpoint, group.spec)
        if failure is None:
            self.keep(checkpoint)
        return failure

    def tried(self, trial: Trial, seconds: float, failure: str | None) -> Tried:
        return Tried(
            number=trial.number,
            settings=trial.settings,
            curve=self.curve,
            policies=self._policies,
            seconds=seconds,
            failure=failure,
        )


def _of_learner(trial: Trial) -> dict[str, Any]:
    return {name: value for name, value in trial.settings.items() if name not in OF_THE_RUN}


def _has_populations(spec: LoopSpec) -> bool:
    """Whether the learner's file says, as `POPULATION`, how runs of one shape are trained side by side."""
    return hasattr(plugins.load(LEARNERS, spec.learner.name), "POPULATION")


def _stops(length: Length) -> list[int]:
    """After how many updates there is a checkpoint."""
    return [*range(length.checkpoint_every, length.updates, length.checkpoint_every), length.updates]


def _stop_before(n_updates: int, length: Length) -> int:
    return max((stop for stop in _stops(length) if stop < n_updates), default=0)


def _suggested(asked: optuna.Trial, name: str, values: OneOf | Between) -> Any:
    if isinstance(values, OneOf):
        return asked.suggest_categorical(name, list(values.values))
    return float(f"{asked.suggest_float(name, values.low, values.high, log=values.is_log):.{_DIGITS}g}")
