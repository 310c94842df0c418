"""How much examples count: by their propensity, where a learner weighs by it, and by their age, where what is old fades.

Question answered: with which weight does each example enter a learner's sums, and what becomes of what is in them already?
Letters: n examples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.example import ExampleBatch


class ExampleWeights:
    """Weights of examples that come piece by piece. Remembers the newest, which counts in full."""

    def __init__(self, *, max_weight: float | None, half_life_s: float | None) -> None:
        """Say what weighs.

        Args:
            max_weight: 1 / propensity is cut here; None: propensities do not count.
            half_life_s: a weight halves in so long; None: never.
        """
        self._max_weight = max_weight
        self._half_life_us = None if half_life_s is None else half_life_s * US_PER_S
        self._newest_us: int | None = None

    def of(self, piece: ExampleBatch) -> tuple[NDArray[np.float64], float]:
        """(n,) weights, and the factor in (0, 1] by which all sums from before are to fade first."""
        weight = np.ones(len(piece))
        if self._max_weight is not None:
            is_known = ~np.isnan(piece.propensity)
            weight[is_known] = np.minimum(1.0 / piece.propensity[is_known], self._max_weight)
        if self._half_life_us is None:
            return weight, 1.0
        before_us = self._newest_us
        newest_us = int(piece.decided_at.max())
        self._newest_us = newest_us if before_us is None else max(newest_us, before_us)
        fade = 1.0 if before_us is None else 0.5 ** ((self._newest_us - before_us) / self._half_life_us)
        return np.asarray(weight * 0.5 ** ((self._newest_us - piece.decided_at) / self._half_life_us)), fade
