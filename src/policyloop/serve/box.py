"""What is live in a loop whose actions are numbers: limits, baseline and model, compiled with the spec.

Question answered: from what is an action of this spec drawn in this context, by the model or by the baseline?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

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

    def of_model(self, model: Any, context: Context, low: Sequence[float], high: Sequence[float]) -> Chances:
        """What a `BoxPolicy`, or a `TuplePolicy` where there are labelled parts, draws from."""
        density = model.density(context, low, high)
        return Chances(density, model.pmfs(context)) if self.n_labels else Chances(density)

    def named(self, choices: Sequence[int], values: Sequence[float]) -> dict[str, float | str]:
        """An action by part, as people and the wire have it."""
        return named_parts(choices, values, self.actions)

    def value(self, model: Any, context: Context, choices: Sequence[int], values: Sequence[float]) -> float:
        """The return that a model expects of one action, at the least."""
        return float(model.value(context, values, choices) if self.n_labels else model.value(context, values))


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
