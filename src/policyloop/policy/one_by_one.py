"""One by one: a policy of episodes that answers for many states, asked about a single one, as a decision does.

Question answered: what does it want here, and what does it expect of this action? For trees and for what other programs made;
a network of ours has a faster way of its own (policy/onnx_network.py).
Letters: a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.policy.wanted import Wanted, Whole

_ALMOST_ONE = 1.0 - 1e-6  # of a squashed number: its inverse stays finite


class OneByOne:
    """A `BoxModel` of any policy over a box. Immutable, and safe to share between threads where the policy is.

    Args:
        whole: the policy.
        low: (a,) the box that it acts in.
        high: (a,)
    """

    def __init__(self, whole: Whole, low: NDArray[np.floating[Any]], high: NDArray[np.floating[Any]]) -> None:
        self._whole = whole
        self._low, self._high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        self._center, self._half = (self._low + self._high) / 2, (self._high - self._low) / 2

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """No labels stand beside its numbers."""
        return ()

    @property
    def network(self) -> Whole:
        """The policy itself, for many states at once."""
        return self._whole

    def wanted(self, state: NDArray[Any]) -> Wanted:
        """What it wants in one state, inside the box; it never varies by itself.

        Raises:
            BadModel: it answers what is no number.
        """
        told = self._whole.act(state[np.newaxis])[0].astype(np.float64)
        if not np.isfinite(told).all():
            raise BadModel("the model answers no number for this context; expected values like those that it learned from.")
        action = told.clip(self._low, self._high)
        squashed = ((action - self._center) / self._half).clip(-_ALMOST_ONE, _ALMOST_ONE)
        still = [0.0] * len(action)
        return Wanted(action.tolist(), np.arctanh(squashed).tolist(), still, True, self._center.tolist(), self._half.tolist())

    def value(self, state: NDArray[Any], action: Sequence[float], choices: Sequence[int] = ()) -> float:
        """The conservative expected return of one action (a,) in one state."""
        return float(self._whole.value(state[np.newaxis], np.asarray([action], dtype=np.float32))[0])
