"""A belief: which reward each action is expected to bring in each kind of context, learned from earlier events.

Letters: m events, k actions, c cells.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.simulate.gate.world import Events


class Belief:
    """Means by cell and action, shrunk towards the mean of all: as if each pair had been seen once before."""

    def __init__(self, n_cells: int, n_actions: int) -> None:
        self._shape = (n_cells, n_actions)
        self._times = np.zeros(n_cells * n_actions)
        self._rewards = np.zeros(n_cells * n_actions)

    def learn(self, events: Events) -> None:
        """Take up events; what was predicted before them stays as it was."""
        place = events.cell * self._shape[1] + events.action
        self._times += np.bincount(place, minlength=self._times.size)
        self._rewards += np.bincount(place, weights=events.reward, minlength=self._times.size)

    @property
    def mean(self) -> float:
        """Of all rewards; 0 before the first event."""
        return float(self._rewards.sum() / max(self._times.sum(), 1.0))

    @property
    def table(self) -> NDArray[np.float64]:
        """(c, k) expected rewards as of now."""
        return ((self._rewards + self.mean) / (self._times + 1.0)).reshape(self._shape)

    def predicted(self, events: Events) -> NDArray[np.float64]:
        """(m, k) for some events: as their world says, else by the table."""
        return self.table[events.cell] if events.predicted is None else events.predicted
