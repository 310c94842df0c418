"""Exploring: a policy over numbers as it would act, with its explorer and its floor, at the rows of a history.

Question answered: from which density would the policy draw in each state? Only where it draws at every step can the densities
that were logged be weighed against its own; a policy that takes one action for sure has none.
Letters: n transitions, a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.core.episode import EpisodePolicy, Transitions
from policyloop.core.loop import ActionSpec, LimitSpec, LoopSpec
from policyloop.evaluate.target import Target, target_of_densities
from policyloop.policy.boxed import explorer_of
from policyloop.policy.wanted import BoxExplorer, Wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploring:
    """How a loop explores its numbers, between limits that never change."""

    explorer: BoxExplorer
    floor: float
    low: tuple[float, ...]  # (a,) of the limits
    high: tuple[float, ...]
    center: tuple[float, ...]  # (a,) middle of the box
    half: tuple[float, ...]  # half its width

    @staticmethod
    def of(spec: LoopSpec) -> Exploring | None:
        """That of a loop; None where it has none that can be replayed: labels, or limits that hang on the step before."""
        if not spec.actions.box or spec.actions.choices or any(limit.max_change is not None for limit in spec.limits):
            return None
        low, high = _limits(spec.actions, spec.limits)
        return Exploring(
            explorer=explorer_of(spec.explore.name, spec.explore.settings),
            floor=spec.explore.floor,
            low=low,
            high=high,
            center=tuple((part.low + part.high) / 2 for part in spec.actions.box),
            half=tuple((part.high - part.low) / 2 for part in spec.actions.box),
        )

    def target(self, policy: EpisodePolicy, transitions: Transitions) -> Target | None:
        """What the policy would do; None where it does not draw from a density at every step."""
        here = self._densities(policy, transitions.state)
        if not here or any(one.kind != "density" for one in here):
            return None
        there = self._densities(policy, transitions.next_state)
        return target_of_densities(here, there, transitions, rng=np.random.default_rng(0))

    def _densities(self, policy: EpisodePolicy, state: NDArray[Any]) -> list[Density]:
        action = policy.act(state)
        location, deviation = policy.gaussian(state)
        is_squashed = not np.array_equal(location, action)  # before squashing, or in the action's own units
        center, half, low, high = list(self.center), list(self.half), self.low, self.high
        told = []
        for one, loc, scale in zip(action.tolist(), location.tolist(), deviation.tolist(), strict=True):
            found = self.explorer.density(Wanted(one, loc, scale, is_squashed, center, half), low, high)
            told.append(found.with_floor(self.floor) if self.floor else found)
        return told


def are_densities(transitions: Transitions) -> bool:
    """Whether every logged propensity is a known density, so that a target's can be weighed against it."""
    is_known = np.isfinite(transitions.propensity) & (transitions.propensity_kind == "density")
    return bool(is_known.all())


def _limits(actions: ActionSpec, limits: Sequence[LimitSpec]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """What the box and the limits leave."""
    own = {limit.name: limit for limit in limits}
    low, high = [], []
    for part in actions.box:
        limit = own.get(part.name, LimitSpec(name=part.name))
        low.append(part.low if limit.low is None else max(part.low, limit.low))
        high.append(part.high if limit.high is None else min(part.high, limit.high))
    return tuple(low), tuple(high)
