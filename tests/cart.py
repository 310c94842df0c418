"""Loops whose actions are numbers, for tests: a cart that is pushed, and an engine with gears."""

from dataclasses import replace
from typing import Any

from policyloop.core.density import Density
from policyloop.core.expression import Expression
from policyloop.core.loop import (
    ActionSpec,
    BoxPart,
    EpisodeSpec,
    ExploreSpec,
    Field,
    LabelledPart,
    LimitSpec,
    LoopSpec,
    OutcomeSpec,
    RewardSpec,
)
from policyloop.ingest.checks import Checks, checks_of

SALT = b"a salt of thirty-two bytes, yes!"
STATE: dict[str, Any] = {"x": 0.1, "v": -0.2}
LIMITED = (LimitSpec(name="force", low=-0.9, high=0.9, max_change=0.5),)


def cart(**changes: Any) -> LoopSpec:
    """One number, `force` in [-1, 1], in episodes; other parts where a test needs them."""
    outcomes = {"reached": OutcomeSpec(name="reached", type="boolean", take="max")}
    spec = LoopSpec(
        loop="cart",
        context={name: Field(name=name, type="number") for name in ("x", "v")},
        actions=ActionSpec(kind="continuous", box=(BoxPart(name="force", low=-1.0, high=1.0),)),
        outcomes=outcomes,
        reward=RewardSpec(expression=Expression.parse("reached", outcomes), low=0.0, high=1.0, window_s=600.0),
        baseline="middle",
        explore=ExploreSpec(name="gaussian", floor=0.02),
        episodes=EpisodeSpec(max_steps=1000),
        digest="0123456789abcdef0123456789abcdef",
    )
    return replace(spec, **changes)


def engine(**changes: Any) -> LoopSpec:
    """A gear and two numbers."""
    box = (BoxPart(name="throttle", low=0.0, high=1.0), BoxPart(name="brake", low=0.0, high=4.0))
    gears = LabelledPart(name="gear", labels=("low", "high"))
    return cart(**{"loop": "engine", "actions": ActionSpec(kind="tuple", box=box, choices=(gears,)), **changes})


def checks(spec: LoopSpec | None = None) -> Checks:
    return checks_of(spec or cart(), salt=SALT)


class Pushes:
    """A policy that pushes against `x` with a bell of that width, and is worth minus the distance from where it pushes."""

    def __init__(self, *, scale: float = 0.2, floor: float = 0.02, reach: float = 1e9) -> None:
        self._scale, self._floor, self._reach = scale, floor, reach

    def density(self, context: Any, low: Any, high: Any) -> Density:
        loc = [-float(context["x"])] * len(low)
        scale = [self._scale] * len(low)
        return Density(family="normal", loc=loc, scale=scale, low=list(low), high=list(high), floor=self._floor)

    def value(self, context: Any, values: Any) -> float:
        return -abs(values[0] + context["x"])

    def is_within_history(self, context: Any) -> bool:
        return abs(context["x"]) <= self._reach


class Drives:
    """A policy of the engine: the high gear three times in four, and the numbers as `Pushes` has them."""

    def __init__(self) -> None:
        self._pushes = Pushes()

    def pmfs(self, context: Any) -> list[list[float]]:
        return [[0.25, 0.75]]

    def density(self, context: Any, low: Any, high: Any) -> Density:
        return self._pushes.density(context, low, high)

    def value(self, context: Any, values: Any, choices: Any) -> float:
        return 10.0 * choices[0] + values[0]
