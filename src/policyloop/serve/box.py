"""What is live in a loop whose actions are numbers: limits, baseline and model, compiled with the spec.

Question answered: from what is an action of this spec drawn in this context, by the model or by the baseline?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from policyloop.core.density import Density
from policyloop.core.example import Context
from policyloop.core.loop import ActionSpec, LoopSpec
from policyloop.ingest.parts import named_parts
from policyloop.serve.box_baseline import BoxBaseline
from policyloop.serve.chances import Chances
from policyloop.serve.limits import Limits

IsWithin = Callable[[Context], bool]  # whether a state lies where a model has learned from


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Immutable. Models are handed in, since there may be more than one."""

    actions: ActionSpec
    limits: Limits
    baseline: BoxBaseline
    n_labels: tuple[int, ...]  # of every labelled part

    def of_baseline(self, context: Context, low: Sequence[float], high: Sequence[float]) -> Chances:
        """What the baseline draws from."""
        return Chances(self.baseline.density(context, low, high), self.baseline.pmfs(context))

    def of_model(self, here: InState, low: Sequence[float], high: Sequence[float]) -> Chances:
        """What a model draws from in a state."""
        density = here.density(low, high)
        return Chances(density, here.pmfs()) if self.n_labels else Chances(density)

    def named(self, choices: Sequence[int], values: Sequence[float]) -> dict[str, float | str]:
        """An action by part, as people and the wire have it."""
        return named_parts(choices, values, self.actions)


class InState(Protocol):
    """A model about one state."""

    def is_within_history(self) -> bool:
        """Whether the state lies where it has learned from."""
        ...

    def density(self, low: Sequence[float], high: Sequence[float]) -> Density:
        """What the numbers are drawn from, between limits (a,)."""
        ...

    def pmfs(self) -> list[list[float]]:
        """A probability per label of every labelled part."""
        ...

    def value(self, values: Sequence[float], choices: Sequence[int]) -> float:
        """The return that it expects of one action, at the least."""
        ...


class InContext:
    """The same of a policy that knows contexts alone."""

    def __init__(self, policy: Any, context: Context) -> None:
        self._policy, self._context = policy, context

    def is_within_history(self) -> bool:
        """As above; True where it does not tell."""
        tells = is_within_of(self._policy)
        return tells is None or tells(self._context)

    def density(self, low: Sequence[float], high: Sequence[float]) -> Density:
        """As above."""
        found: Density = self._policy.density(self._context, low, high)
        return found

    def pmfs(self) -> list[list[float]]:
        """As above."""
        found: list[list[float]] = self._policy.pmfs(self._context)
        return found

    def value(self, values: Sequence[float], choices: Sequence[int]) -> float:
        """As above."""
        given = (self._context, values, choices) if choices else (self._context, values)
        return float(self._policy.value(*given))


def in_state(policy: Any, context: Context) -> InState:
    """A policy about one context; a `BoxPolicy` of a network makes the state just once."""
    made: InState = policy.in_state(context) if hasattr(policy, "in_state") else InContext(policy, context)
    return made


class NoLabels:
    """Stands where a loop over labels has its policy; of one over numbers nobody asks it."""

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: object = None) -> list[float]:
        """Never."""
        raise AssertionError("this loop's actions are numbers: they have no probabilities by label")


def box_of(spec: LoopSpec) -> Box | None:
    """Compiled from a spec; None where actions have names."""
    if not spec.has_box:
        return None
    n_labels = tuple(len(part.labels) for part in spec.actions.choices)
    return Box(spec.actions, Limits(spec), BoxBaseline(spec), n_labels)


def is_within_of(policy: object) -> IsWithin | None:
    """How a policy tells whether a state lies where it has learned from; None where it does not tell."""
    if getattr(policy, "support", policy) is None:  # it could tell, and its model does not say
        return None
    found: IsWithin | None = getattr(policy, "is_within_history", None)
    return found
