"""Limits: between which bounds the numbers of this decision may lie, whatever a policy wants.

Question answered: which part of the box is safe now? An operator's `min` and `max` cut the box; `max_change` cuts it further,
round what was done at the step before. They hold before anything is drawn, so that what is logged is what was drawn from.
Where the two contradict each other, as when what was done before lies outside, `min` and `max` win.
Letters: a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.loop import LoopSpec


class Limits:
    """The limits of one spec, compiled. Immutable."""

    def __init__(self, spec: LoopSpec) -> None:
        of_name = {limit.name: limit for limit in spec.limits}
        limits = [of_name.get(part.name) for part in spec.actions.box]
        pairs = list(zip(spec.actions.box, limits, strict=True))
        self._low = [part.low if one is None or one.low is None else max(part.low, one.low) for part, one in pairs]
        self._high = [part.high if one is None or one.high is None else min(part.high, one.high) for part, one in pairs]
        self._changes = [None if one is None else one.max_change for one in limits]
        self.is_stepwise = any(change is not None for change in self._changes)  # whether what was done before matters

    def between(self, previous: Sequence[float] | None) -> tuple[list[float], list[float]]:
        """(a,) the least and (a,) the most that each number may be.

        Args:
            previous: (a,) what was done at the step before; None at the first.
        """
        low, high = list(self._low), list(self._high)
        if previous is None or not self.is_stepwise:
            return low, high
        for i, (change, before) in enumerate(zip(self._changes, previous, strict=True)):
            if change is not None:
                low[i] = min(max(before - change, low[i]), high[i])
                high[i] = max(min(before + change, high[i]), low[i])
        return low, high
