"""Replicates: the sums of a ridge regression, kept many times over, each with its own weights of the examples.

Question answered: what would have been learned had the log come out a little differently? In replicate j every example
weighs a draw of the exponential distribution with mean 1 (the Bayesian bootstrap), drawn when the example comes, in the
order of the log, so that learning in pieces equals learning at once.
Source: Rubin 1981; as a bandit, Eckles & Kaptein 2014 (arXiv:1410.4009).
Letters: n examples, k actions, m terms, s replicates.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Replicates:
    """s times the sums of every action."""

    def __init__(self, n_replicates: int, n_actions: int, n_terms: int, *, seed: int) -> None:
        self._gram = np.zeros((n_replicates, n_actions, n_terms, n_terms))  # sum of v w x x'
        self._moment = np.zeros((n_replicates, n_actions, n_terms))  # sum of v w (r - reward_default) x
        self._rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self._gram)

    def next_weights(self, n: int) -> NDArray[np.float64]:
        """(n, s) weights of the next n examples, in the order of the log."""
        return self._rng.standard_exponential((n, len(self)))

    def add(self, action: int, rooted: NDArray[np.float64], gain: NDArray[np.float64], weights: NDArray[np.float64]) -> None:
        """Take in examples of one action.

        Args:
            action: which.
            rooted: (n, m) terms times the root of the example's own weight.
            gain: (n,) rewards over the default, times the root of the example's own weight.
            weights: (n, s) as `next_weights` gave them.
        """
        if len(rooted) == 1:  # an update per event: one product for all replicates
            x = rooted[0]
            self._gram[:, action] += weights[0][:, np.newaxis, np.newaxis] * np.outer(x, x)
        else:
            for j in range(len(self)):
                self._gram[j, action] += (rooted * weights[:, j, np.newaxis]).T.dot(rooted)
        self._moment[:, action] += (weights * gain[:, np.newaxis]).T.dot(rooted)

    def fade(self, factor: float) -> None:
        """Let everything that was learned weigh so much less."""
        self._gram *= factor
        self._moment *= factor

    def solve(self, n_terms: int, ridge: float, prior: float) -> NDArray[np.float64]:
        """(s, k, m) weights of the first `n_terms` terms, drawn by the ridge towards `prior` in the constant."""
        ridged = self._gram[:, :, :n_terms, :n_terms] + ridge * np.eye(n_terms)
        moment = self._moment[:, :, :n_terms].copy()
        moment[:, :, 0] += ridge * prior
        return np.asarray(np.linalg.solve(ridged, moment[..., np.newaxis])[..., 0])
