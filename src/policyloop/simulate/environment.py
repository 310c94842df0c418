"""An environment: acts back step by step, in n episodes side by side.

Question answered: what comes of an action, and what is decided upon next? Every environment plays many episodes at once over
arrays; `Single` plays one. An episode that *terminated* has nothing after it; one that was *truncated* would have gone on,
and only the record stops. The two are told apart everywhere. The state that an episode ends in is real and is kept.
Letters: n episodes side by side, d numbers of a state, a numbers of an action, k labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from inspect import Parameter, Signature, signature
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid, UnknownName, unknown
from policyloop.core.loop import ActionSpec
from policyloop.simulate.actor import Actor

FAMILY = "policyloop.simulate.environments"
Columns = Mapping[str, NDArray[Any]]
_KINDS: Mapping[type, tuple[Any, str]] = {int: (int, "a whole number"), float: ((int, float), "a number"), str: (str, "a text")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What an environment asks for: the loop that it makes, before anything is played."""

    name: str
    context: Mapping[str, Any]  # as a loop file declares it
    actions: ActionSpec
    outcomes: Mapping[str, Any]  # as a loop file declares them; may be none
    expression: str  # the reward of a row, of context, `next.` context, action and outcomes
    reward_range: tuple[float, float]
    max_steps: int  # an episode of so many steps is truncated
    discount: float = 0.99
    learner: Mapping[str, Any] = field(default_factory=dict)  # what suits it; none: the loop's default
    explore: Mapping[str, Any] = field(default_factory=dict)

    def loop_file(self) -> dict[str, Any]:
        """A loop file of it, as a mapping. What comes of an action is known at once, so nothing waits for its window."""
        actions: dict[str, Any] = {"kind": "discrete", "labels": list(self.actions.labels)}
        if self.actions.box:
            actions = {"kind": "continuous", "box": {p.name: {"min": p.low, "max": p.high} for p in self.actions.box}}
        close = {"close": "final"} if self.outcomes else {}
        made = {
            "loop": self.name.replace("_", "-"),
            "context": dict(self.context),
            "actions": actions,
            "episodes": {"id": "episode_id", "step": "step", "discount": self.discount, "max_steps": self.max_steps},
            "outcomes": dict(self.outcomes),
            "reward": {"expression": self.expression, "range": list(self.reward_range), **close},
            "baseline": "uniform",
        }
        extra = {"learner": dict(self.learner), "explore": dict(self.explore)}
        return made | {key: value for key, value in extra.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moved:
    """What came of one step in each of n episodes; the state after it is the episodes' own."""

    reward: NDArray[np.float64]  # (n,) of the action just taken
    terminated: NDArray[np.bool_]  # (n,) nothing comes after
    truncated: NDArray[np.bool_]  # (n,) it would go on, and the record stops; never together with `terminated`
    outcomes: Columns = field(default_factory=dict)  # name -> (n,), those that the problem declares


class Episodes(Protocol):
    """n episodes under way. Mutable; the arrays that it gives out are not changed later."""

    @property
    def state(self) -> NDArray[Any]:
        """(n, d) or (n, *shape) what is known before the next action; after a last step, the state that it ended in."""
        ...

    def step(self, action: NDArray[Any]) -> Moved:
        """One step in all of them.

        Args:
            action: (n, a) numbers inside the box, or (n,) places of labels.
        """
        ...

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with these (n,) alone."""
        ...

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Begin a new episode in each of these (n,) places."""
        ...


class Environment(Protocol):
    """What a plug-in's `create` makes. Immutable; randomness comes in with `start`."""

    @property
    def problem(self) -> Problem:
        """The loop that it makes."""
        ...

    @property
    def actors(self) -> Mapping[str, Actor]:
        """Those that it brings along, by name; `random` is always one of them."""
        ...

    def start(self, n: int, *, rng: np.random.Generator) -> Episodes:
        """Begin n episodes, which draw from `rng` for as long as they go on."""
        ...

    def columns(self, state: NDArray[Any]) -> Columns:
        """The fields of the context in states (n, ...), each (n,) or (n, *shape)."""
        ...


class Single:
    """One episode of an environment, a step at a time."""

    def __init__(self, environment: Environment, *, rng: np.random.Generator) -> None:
        self._environment = environment
        self._episodes = environment.start(1, rng=rng)
        self.n_steps = 0

    @property
    def state(self) -> NDArray[Any]:
        """(d,) or (*shape) what is known before the next action."""
        first: NDArray[Any] = self._episodes.state[0]
        return first

    @property
    def context(self) -> dict[str, Any]:
        """The same as the loop's context."""
        return contexts_of(self._environment.columns(self._episodes.state))[0]

    def step(self, action: Any) -> tuple[NDArray[Any], float, bool, bool]:
        """The next state, the reward of the action, whether it terminated, whether it was truncated."""
        moved = self.move(action)
        return self.state, float(moved.reward[0]), bool(moved.terminated[0]), bool(moved.truncated[0])

    def move(self, action: Any) -> Moved:
        """The same with the outcomes; arrays of length 1."""
        self.n_steps += 1
        return self._episodes.step(np.asarray(action)[np.newaxis])


def open_environment(name: str, settings: Mapping[str, Any] | None = None) -> Environment:
    """An environment by name.

    Args:
        settings: of that environment, by name.

    Raises:
        UnknownName: there is none of that name; the nearest is suggested.
        MissingLibrary: it needs a library that is not installed.
        Invalid: a setting is unknown, missing or of another kind.
        BadSetting: one is out of its range.
    """
    module = plugins.load(FAMILY, name)
    given = dict(settings or {})
    _check_settings(name, given, signature(module.create))
    made: Environment = module.create(**given)
    return made


def actor_of(environment: Environment, name: str) -> Actor:
    """One of those that it brings along.

    Raises:
        UnknownName: it brings none of that name.
    """
    if name not in environment.actors:
        raise UnknownName("policy of this environment", name, environment.actors)
    return environment.actors[name]


def contexts_of(columns: Columns) -> list[dict[str, Any]]:
    """(n,) one context for each row."""
    listed = [column.tolist() for column in columns.values()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*listed, strict=True)]


def named_columns(names: Sequence[str], state: NDArray[Any]) -> Columns:
    """The columns of states (n, d) whose numbers are fields, in order."""
    return {name: state[:, i] for i, name in enumerate(names)}


def _check_settings(name: str, given: Mapping[str, Any], known: Signature) -> None:
    """Hold names and kinds of settings against those that `create` takes."""
    faults = [
        Fault(key, f"is a setting that environment '{name}' does not have; {unknown('setting', key, known.parameters)}")
        for key in given
        if key not in known.parameters
    ]
    for key, parameter in known.parameters.items():
        if parameter.default is Parameter.empty and key not in given:
            faults.append(Fault(key, f"is missing; environment '{name}' needs it."))
        kind = _KINDS.get(type(parameter.default))
        if kind is not None and key in given and (isinstance(given[key], bool) or not isinstance(given[key], kind[0])):
            faults.append(Fault(key, f"is {given[key]!r}; expected {kind[1]}."))
    if faults:
        raise Invalid(faults, subject=f"the settings of environment '{name}'")
