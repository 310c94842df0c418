"""Tune: recipes are tried one after another, each where those before did well; the loop's own recipe is the first.

Question answered: which learner, which fields, which explorer and which floor promise most by a given measure? What is tried
of a plug-in stands in its own file (core/search_space.py). Fields are tried in the order of their importance, so that how many
of them are used is one number and not a switch each. A recipe that fails is an attempt with a reason, and the search goes on.
Source: Bergstra, Bardenet, Bengio & Kégl 2011 (tree-structured Parzen estimator), as Optuna has it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import optuna

from policyloop.core import plugins
from policyloop.core.clock import Clock
from policyloop.core.errors import BadSetting, MissingLibrary, PolicyloopError, UnknownName
from policyloop.core.estimate import Estimate
from policyloop.core.loop import ExploreSpec, LoopSpec, PluginSpec
from policyloop.core.search_space import Between, OneOf, searched_of
from policyloop.core.spec_file import from_json, to_json
from policyloop.learn.train import LEARNERS
from policyloop.policy import needs
from policyloop.policy.scored import EXPLORERS

PARTS = ("learner", "features", "explore", "floor")
FLOORS = Between(0.02, 0.2, is_log=True)  # below, logs say little of other policies; a loop may have chosen less
_AT_RANDOM = 10  # attempts before the search goes by those that came before
_DIGITS = 3  # that count, of a number that was tried

Measure = Callable[[LoopSpec], Estimate]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One recipe that was tried."""

    number: int  # 0: the loop's own recipe
    spec: LoopSpec
    estimate: Estimate | None  # None: it failed
    seconds: float
    failure: str | None = None  # why there is no estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search has tried, in order."""

    attempts: tuple[Attempt, ...]
    is_stopped: bool  # whether somebody stopped it before the end

    @property
    def ranked(self) -> list[Attempt]:
        """Those that did not fail, each recipe once, the best first; the earlier first at a tie."""
        found: dict[str, Attempt] = {}
        for attempt in self.attempts:
            if attempt.estimate is not None:
                found.setdefault(attempt.spec.digest, attempt)
        return sorted(found.values(), key=lambda attempt: -attempt.estimate.value if attempt.estimate else 0.0)


def search(
    spec: LoopSpec,
    measure: Measure,
    *,
    by_importance: Sequence[str],
    n_attempts: int,
    seed: int,
    clock: Clock,
    parts: Sequence[str] = PARTS,
    on_attempt: Callable[[Attempt], None] = lambda attempt: None,
) -> Searched:
    """Try the loop's own recipe, and `n_attempts` others.

    A keyboard interrupt ends the search; what was tried until then is kept.

    Args:
        spec: of the loop.
        measure: what a recipe is worth; it is asked once for each recipe, however often that is tried.
        by_importance: fields of the context, the most important first.
        n_attempts: beside the loop's own recipe.
        seed: where the order of the search comes from: equal arguments, equal attempts.
        clock: measures how long an attempt takes.
        parts: of `PARTS`; the others stay as they are.
        on_attempt: told of each attempt at its end.

    Raises:
        UnknownName: a part is none of `PARTS`.
        BadSetting: n_attempts is below 1.
    """
    check_search(parts, n_attempts)
    space = _Space(spec, by_importance, frozenset(parts))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_AT_RANDOM, multivariate=False, constant_liar=False)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    attempts: list[Attempt] = []
    measured = _Measured(measure, clock)
    try:
        for number in range(n_attempts + 1):
            asked = study.ask() if number else None
            attempt = measured.attempt(number, spec if asked is None else space.recipe(asked))
            if asked is not None:
                _tell(study, asked, attempt)
            attempts.append(attempt)
            on_attempt(attempt)
    except KeyboardInterrupt:
        return Searched(attempts=tuple(attempts), is_stopped=True)
    return Searched(attempts=tuple(attempts), is_stopped=False)


def recipe_of(spec: LoopSpec, *, learner: PluginSpec, explore: ExploreSpec, fields: Collection[str]) -> LoopSpec:
    """The loop's spec with another learner and explorer, learning from these fields alone; all others are still logged."""
    context = {name: replace(field, learn=name in fields) for name, field in spec.context.items()}
    return from_json(to_json(replace(spec, learner=learner, explore=explore, context=context)))


def learned(spec: LoopSpec) -> list[str]:
    """The fields that a recipe may learn from: all that are stored, but for the subject, and what says `learn: false`.

    A person left those out for a reason that no log knows.
    """
    fields = spec.context.items()
    return [name for name, field in fields if name != spec.subject and field.store != "never" and field.learn]


def check_search(parts: Sequence[str], n_attempts: int) -> None:
    """Refuse a search that cannot be made, before anything is learned for it.

    Raises:
        UnknownName: a part is none of `PARTS`.
        BadSetting: n_attempts is below 1.
    """
    for part in parts:
        if part not in PARTS:
            raise UnknownName("part of a recipe", part, PARTS)
    if n_attempts < 1:
        raise BadSetting(f"trials is {n_attempts}; expected a whole number of 1 or more, such as 50.")


def _tell(study: optuna.Study, asked: optuna.Trial, attempt: Attempt) -> None:
    """Let the study know how it went."""
    if attempt.estimate is None:
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    else:
        study.tell(asked, attempt.estimate.value)


class _Measured:
    """The measure, asked once a recipe."""

    def __init__(self, measure: Measure, clock: Clock) -> None:
        self._measure = measure
        self._clock = clock
        self._known: dict[str, tuple[Estimate | None, str | None]] = {}

    def attempt(self, number: int, spec: LoopSpec) -> Attempt:
        start_s = self._clock.monotonic_s()
        if spec.digest not in self._known:
            self._known[spec.digest] = self._asked(spec)
        estimate, failure = self._known[spec.digest]
        took_s = self._clock.monotonic_s() - start_s
        return Attempt(number=number, spec=spec, estimate=estimate, seconds=took_s, failure=failure)

    def _asked(self, spec: LoopSpec) -> tuple[Estimate | None, str | None]:
        """The estimate, or why there is none."""
        try:
            estimate = self._measure(spec)
        except PolicyloopError as error:
            return None, error.message
        except Exception as error:  # noqa: BLE001 - plug-ins of others fail as they please, and the search must go on
            return None, f"{type(error).__name__}: {error}"
        return (estimate, None) if abs(estimate.value) < float("inf") else (None, f"its value is {estimate.value}")


class _Space:
    """What is tried, as Optuna is asked for it."""

    def __init__(self, spec: LoopSpec, by_importance: Sequence[str], parts: frozenset[str]) -> None:
        self._spec = spec
        self._fields = tuple(by_importance)
        self._parts = parts
        self._learners = learners_of(spec, parts)
        self._explorers = _explorers(spec)

    def recipe(self, asked: optuna.Trial) -> LoopSpec:
        """The next recipe."""
        learner = self._learner(asked)
        return recipe_of(
            self._spec, learner=learner, explore=self._explore(asked, learner.name), fields=self._used_fields(asked)
        )

    def _learner(self, asked: optuna.Trial) -> PluginSpec:
        if "learner" not in self._parts:
            return self._spec.learner
        name = str(asked.suggest_categorical("learner", list(self._learners)))
        return PluginSpec(name=name, settings=self._settings(asked, name, self._learners[name], self._spec.learner))

    def _explore(self, asked: optuna.Trial, learner: str) -> ExploreSpec:
        """An explorer that the learner can serve, and the floor."""
        present = self._spec.explore
        low = min(FLOORS.low, present.floor) or FLOORS.low
        floor = _rounded(asked.suggest_float("floor", low, FLOORS.high, log=True)) if "floor" in self._parts else present.floor
        if "explore" not in self._parts:
            return replace(present, floor=floor)
        fitting = [name for name, plugin in self._explorers.items() if self._is_fit(name, plugin, learner)]
        name = str(asked.suggest_categorical(f"explore of {learner}", fitting))
        own = PluginSpec(name=present.name, settings=present.settings)
        return ExploreSpec(name=name, floor=floor, settings=self._settings(asked, name, self._explorers[name], own))

    def _is_fit(self, name: str, explorer: ModuleType, learner: str) -> bool:
        try:
            needs.check(needs.need_of(explorer), name, self._learners[learner], learner, is_shared=self._spec.is_candidates)
        except BadSetting:
            return False
        return True

    def _settings(self, asked: optuna.Trial, name: str, plugin: ModuleType, present: PluginSpec) -> dict[str, Any]:
        """Settings that are searched, over those that the loop gives the same plug-in."""
        kept = dict(present.settings) if present.name == name else {}
        for setting, values in (searched_of(plugin) or {}).items():
            kept[setting] = _suggested(asked, f"{name}.{setting}", values)
        return {setting: value for setting, value in sorted(kept.items()) if value is not None}

    def _used_fields(self, asked: optuna.Trial) -> Sequence[str]:
        if "features" not in self._parts or len(self._fields) == 0:
            return learned(self._spec)
        return self._fields[: asked.suggest_int("fields", 1, len(self._fields))]


def learners_of(spec: LoopSpec, parts: Collection[str]) -> Mapping[str, ModuleType]:
    """Those that take part, by name: the loop's own and, if learners are searched, all that learn about such actions."""
    if "learner" not in parts:
        return {spec.learner.name: _plugin(LEARNERS, spec.learner.name)}
    maker = "create_shared" if spec.is_candidates else "create"
    found = {name: _plugin(LEARNERS, name) for name in plugins.names(LEARNERS) if _takes_part(LEARNERS, name, maker)}
    return {**found, spec.learner.name: _plugin(LEARNERS, spec.learner.name)}


def _explorers(spec: LoopSpec) -> Mapping[str, ModuleType]:
    """The same for explorers."""
    found = {name: _plugin(EXPLORERS, name) for name in plugins.names(EXPLORERS) if _takes_part(EXPLORERS, name, "create")}
    return {**found, spec.explore.name: _plugin(EXPLORERS, spec.explore.name)}


def _takes_part(family: str, name: str, maker: str) -> bool:
    try:
        plugin = _plugin(family, name)
    except MissingLibrary:
        return False
    return searched_of(plugin) is not None and hasattr(plugin, maker)


def _plugin(family: str, name: str) -> ModuleType:
    return plugins.load(family, name)


def _suggested(asked: optuna.Trial, name: str, values: OneOf | Between) -> Any:
    if isinstance(values, OneOf):
        return asked.suggest_categorical(name, list(values.values))
    return _rounded(asked.suggest_float(name, values.low, values.high, log=values.is_log))


def _rounded(value: float) -> float:
    """To as many digits as matter: a recipe is read by people."""
    return float(f"{value:.{_DIGITS}g}")
