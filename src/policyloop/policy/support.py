"""Support: where a model has learned from, so that it is not asked where it would have to guess.

Question answered: does this state lie between the smallest and the largest that the history had, number by number? A tenth
of that width more is allowed on either side: a policy that is better than the history's goes a little beyond it.
Kept among a model's tensors as `support.low` and `support.high`. States that are images have none: a pixel that the history
never saw lit says nothing of whether the picture is strange.
Letters: n states, d numbers of a state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.policy import Tensors

LOW, HIGH = "support.low", "support.high"
MARGIN = 0.1  # of the width of the history's range, beyond either end
_ROUNDING = 1e-6  # of a number itself: float32 has 7 digits, and a number that never changed has a range without width


@dataclass(frozen=True, slots=True, eq=False)
class Support:
    """A range for every number of a state. Immutable."""

    low: Sequence[float]  # (d,) inclusive
    high: Sequence[float]  # (d,)

    def holds(self, state: NDArray[Any]) -> bool:
        """Whether a state (d,) lies within; one that is no number does not."""
        # NumPy costs four times as much for a handful of numbers
        return all(low <= x <= high for low, x, high in zip(self.low, state.tolist(), self.high, strict=True))


def support_tensors(states: NDArray[Any]) -> Tensors:
    """What training keeps with a model of its states (n, d), in the units of the context; nothing where they are images."""
    if states.ndim != 2 or len(states) == 0:
        return {}
    low, high = states.min(axis=0).astype(np.float64), states.max(axis=0).astype(np.float64)
    beyond = MARGIN * (high - low) + _ROUNDING * np.maximum(np.abs(low), np.abs(high))
    return {LOW: (low - beyond).astype(np.float32), HIGH: (high + beyond).astype(np.float32)}


def support_of(tensors: Mapping[str, NDArray[Any]]) -> Support | None:
    """The support that a model's tensors carry; None where they carry none, so that no state is refused."""
    if LOW not in tensors or HIGH not in tensors:
        return None
    return Support(tensors[LOW].tolist(), tensors[HIGH].tolist())
