"""Tuning of a loop with episodes: training runs with other settings of its learner, and the one that its history speaks for.

Question answered: do other settings learn more from this history, without trying any of them on the real thing? Runs are made
in rounds, here or on other machines; each is judged by what a fitted model of the return, which is none of the learners', says
of its chosen checkpoint on episodes that nobody learned from. All curves are kept in the folder of the search's job.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from policyloop.core import plugins
from policyloop.core.episode import EpisodePolicy, Transitions
from policyloop.core.errors import BadSetting, PolicyloopError
from policyloop.core.estimate import Estimate
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.evaluate.affordable import affordable
from policyloop.evaluate.choice import Choice, choose
from policyloop.evaluate.choice_of_run import ChoiceOfRun, choose_run
from policyloop.evaluate.chosen import target_of
from policyloop.evaluate.curves import peak_of
from policyloop.evaluate.history import HistoryFacts, check_is_enough, facts_of
from policyloop.evaluate.sequence_report import evaluate_sequences
from policyloop.evaluate.told_as_numbers import history_in_numbers
from policyloop.learn.thin import FEWEST_EPISODES, FEWEST_HELD_OUT, check_history
from policyloop.learn.tune_offline import (
    PER_ROUND,
    Curve,
    Group,
    Trial,
    Tried,
    groups_of,
    new_study,
    run_group,
    space_of,
    tell,
)
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.job_folder import JobFolder, folder_of
from policyloop.run.episodes.offline import oldest_of
from policyloop.run.episodes.transitions import transitions_of
from policyloop.run.training import RUNNERS

_PAST_THE_PEAK = 4  # checkpoints after which a run that overfits has shown all that it will
_RESULT = "tuning.json"

OnTried = Callable[["Attempt"], None]


class Runner(Protocol):
    """Makes groups of runs somewhere: a plug-in of run/runners."""

    def each(
        self, function: Callable[[Group], list[Tried]], parts: Sequence[Group], *, n_workers: int
    ) -> Iterator[list[Tried]]:
        """What the function gives for each part, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Attempt:
    """One run, judged."""

    number: int  # 0: the loop's own settings
    settings: Mapping[str, Any]
    curve: Curve
    choice: Choice | None  # None: it has no checkpoint
    fitted: Estimate | None  # value of the chosen checkpoint's policy from the first state of an episode on, discounted
    seconds: float
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TunedOffline:
    """What a search found."""

    spec: LoopSpec
    job_id: int
    attempts: tuple[Attempt, ...]
    choice: ChoiceOfRun | None  # None: no run has a checkpoint
    history: HistoryFacts
    is_stopped: bool

    @property
    def winner(self) -> Attempt | None:
        """The attempt whose settings are best; None where none could be chosen."""
        if self.choice is None or self.choice.run is None:
            return None
        return self.attempts[int(self.choice.run)]

    def to_json(self) -> dict[str, Any]:
        """The record; curves are beside it."""
        return {
            "loop": self.spec.loop,
            "job": self.job_id,
            "learner": self.spec.learner.name,
            "is_stopped": self.is_stopped,
            "winner": None if self.winner is None else self.winner.number,
            "settings": None if self.winner is None else dict(self.winner.settings),
            "sentences": [] if self.choice is None else list(self.choice.sentences),
            "history": self.history.to_json(),
            "trials": [_attempt_map(attempt) for attempt in self.attempts],
        }


def tune_offline(
    deployment: Deployment,
    loop: str,
    *,
    n_attempts: int,
    seed: int,
    runner: str = "local",
    n_workers: int = 1,
    on_attempt: OnTried = lambda attempt: None,
) -> TunedOffline:
    """Make the loop's own run and `n_attempts` others, and choose. A keyboard interrupt ends it; what was made is kept.

    Args:
        n_attempts: beside the loop's own settings.
        seed: of the search, and of all runs.
        runner: where runs are made, of run/runners.
        n_workers: processes, or tasks at a time.
        on_attempt: told of each attempt at its end.

    Raises:
        UnknownLoop, UnknownName: there is no loop or runner of that name.
        BadSetting: n_attempts is below 1, or nothing of the loop's learner is searched.
        Invalid: the history is too thin to learn from, or rows of it are wrong.
        NothingToDo: the history cannot support a choice.
    """
    if n_attempts < 1:
        raise BadSetting(f"trials is {n_attempts}; expected a whole number of 1 or more, such as 20.")
    spec = deployment.registry.standing(loop).spec
    history, _ = transitions_of(deployment, spec, since=oldest_of(deployment, spec))
    job = jobs.begin(
        deployment.records,
        spec.loop,
        kind=jobs.TUNE,
        reason=f"{n_attempts} attempts asked for",
        n_examples=len(history),
        now_us=deployment.clock.now_us(),
    )
    ended = {"state": "failed", "message": "was interrupted"}
    try:
        found = search(
            history,
            spec,
            n_attempts=n_attempts,
            seed=seed,
            job_id=job.id,
            folder=folder_of(deployment.home, job.id),
            runner=plugins.load(RUNNERS, runner).create(),
            n_workers=n_workers,
            on_attempt=on_attempt,
        )
        ended = {"state": "done", "message": _message(found)}
    except PolicyloopError as error:
        ended["message"] = error.message
        raise
    finally:
        jobs.finish(deployment.records, job.id, now_us=deployment.clock.now_us(), **ended)
    return found


def search(
    history: Transitions,
    spec: LoopSpec,
    *,
    n_attempts: int,
    seed: int,
    job_id: int,
    folder: JobFolder,
    runner: Runner,
    n_workers: int = 1,
    on_attempt: OnTried = lambda attempt: None,
) -> TunedOffline:
    """The search itself, with its curves in a folder; arguments and errors as in `tune_offline`."""
    split = spec.train.split
    train, held_out = history.to_learn_from(split), history.to_evaluate_on(split)
    names = StateEncoder.of(spec.context.values()).names
    notes = check_history(train, actions=spec.actions, loop=spec.loop, names=names, fewest=FEWEST_EPISODES)
    facts = facts_of(train, held_out, highest_reward=spec.reward.high)
    check_is_enough(facts, loop=spec.loop)
    folder.tell({"loop": spec.loop, "learner": spec.learner.name, "notes": list(notes), "attempts": n_attempts + 1})
    judge = _Judge(spec, facts, _some_episodes(held_out, spec), folder)
    space, study, attempts, is_stopped = space_of(spec), new_study(seed), list[Attempt](), False
    try:
        while len(attempts) <= n_attempts:
            start = len(attempts)
            asked = {start + i: study.ask() for i in range(min(PER_ROUND, n_attempts + 1 - start)) if start + i}
            own = [] if start else [Trial(number=0, settings=spec.learner.settings)]
            trials = [*own, *(space.trial(number, one) for number, one in asked.items())]
            groups = groups_of(spec, trials, train, held_out, seed=seed)
            made = runner.each(partial(run_group, is_over=is_past_its_peak), groups, n_workers=n_workers)
            for tried in sorted((one for some in made for one in some), key=lambda one: one.number):
                attempts.append(judge.judged(tried))
                if tried.number in asked:
                    tell(study, asked[tried.number], _worth(attempts[-1]))
                on_attempt(attempts[-1])
    except KeyboardInterrupt:
        is_stopped = True
    found = TunedOffline(
        spec=spec,
        job_id=job_id,
        attempts=tuple(attempts),
        choice=_chosen(attempts, facts),
        history=facts,
        is_stopped=is_stopped,
    )
    (folder.path / _RESULT).write_text(json.dumps(found.to_json()), encoding="utf-8")
    return found


def is_past_its_peak(curve: Curve) -> bool:
    """Whether the expected return on the data has risen and fallen for long enough: the run overfits from here on."""
    values = np.array([point["q_mean"] for point in curve if "q_mean" in point])
    peak = peak_of(values)
    return peak is not None and len(values) - 1 - peak.place >= _PAST_THE_PEAK


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """What a run is worth."""

    spec: LoopSpec
    facts: HistoryFacts
    episodes: Transitions  # that the chosen checkpoints are judged on
    folder: JobFolder

    def judged(self, tried: Tried) -> Attempt:
        """The attempt with its choice and value; its curve is written down."""
        own = self.folder.path / f"attempt-{tried.number:03d}"
        own.mkdir(parents=True, exist_ok=True)
        (own / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in tried.curve), encoding="utf-8")
        choice = choose(tried.curve, history=self.facts) if tried.curve else None
        fitted = None
        if choice is not None and choice.n_updates is not None:
            fitted = self._value(tried.policies[choice.n_updates])
        attempt = Attempt(
            number=tried.number,
            settings=tried.settings,
            curve=tried.curve,
            choice=choice,
            fitted=fitted,
            seconds=tried.seconds,
            failure=tried.failure,
        )
        (own / "told.json").write_text(json.dumps(_attempt_map(attempt)), encoding="utf-8")
        return attempt

    def _value(self, policy: EpisodePolicy) -> Estimate:
        """By fitted Q evaluation, on episodes that it did not learn from."""
        target = target_of(policy, self.episodes, actions=self.spec.actions, floor=self.spec.explore.floor)
        asked = history_in_numbers(self.episodes, self.spec.actions)
        return evaluate_sequences(asked, target, is_weighed=False).estimates["fqe"].estimate


def _some_episodes(episodes: Transitions, spec: LoopSpec) -> Transitions:
    """Whole episodes: those that are affordable, or the first few where it would take long anyhow."""
    looked_at = affordable(history_in_numbers(episodes, spec.actions), n_labels=len(spec.actions.labels))
    if looked_at.keep.any():
        return episodes.where(looked_at.keep)
    return episodes.where(np.cumsum(episodes.is_first) <= FEWEST_HELD_OUT)


def _chosen(attempts: Sequence[Attempt], facts: HistoryFacts) -> ChoiceOfRun | None:
    able = [attempt for attempt in attempts if attempt.choice is not None]
    if not able:
        return None
    fitted = {
        str(one.number): {one.choice.n_updates: one.fitted}
        for one in able
        if one.choice is not None and one.choice.n_updates is not None and one.fitted is not None
    }
    return choose_run({str(one.number): one.curve for one in able}, history=facts, fitted=fitted)


def _worth(attempt: Attempt) -> float | None:
    """What the search goes by: the lower end of the fitted value; None of a run that left nothing to choose."""
    return None if attempt.fitted is None else attempt.fitted.interval()[0]


def _message(found: TunedOffline) -> str:
    """How it ended, for the list of jobs."""
    n = len(found.attempts) - 1
    told = f"{n} {'run' if n == 1 else 'runs'} beside the loop's own."
    return told if found.choice is None else f"{told} {found.choice.sentences[0]}"


def _attempt_map(one: Attempt) -> dict[str, Any]:
    low, high = (None, None) if one.fitted is None else one.fitted.interval()
    return {
        "trial": one.number,
        "settings": dict(one.settings),
        "n_updates": None if one.choice is None else one.choice.n_updates,
        "fitted": None if one.fitted is None else one.fitted.value,
        "low": low,
        "high": high,
        "is_underfitting": one.choice is not None and one.choice.is_underfitting,
        "sentences": [] if one.choice is None else list(one.choice.sentences),
        "seconds": one.seconds,
        "failure": one.failure,
    }
