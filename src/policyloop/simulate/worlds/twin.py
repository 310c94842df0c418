"""Twin: the loop's own decisions, champion and rewards, with a challenger that truly earns so much more (simulate/twin.py).

It is made of a log, so `--loop` says which. Where the loop has a hold-out, the baseline keeps it, and the canary is a share
of the rest. What was expected before the challenge stays what is predicted during it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import NothingToDo
from policyloop.gate.verdict import Call
from policyloop.simulate.gate.world import Events, World
from policyloop.simulate.twin import TwinLog, truth_of

N_PAST = 1000  # events of the champion alone, before the challenge
_USUAL_CANARY = 0.1


def create(*, lift: float, canary: float | None, rng: np.random.Generator, log: TwinLog | None = None) -> World:
    """One run.

    Raises:
        NothingToDo: there is no log that it could be the twin of.
    """
    if log is None:
        raise NothingToDo("the world 'twin' is made of a loop's own log; expected --loop NAME, the loop that is meant.")
    return Twin(log, lift=lift, canary=_USUAL_CANARY if canary is None else canary, rng=rng)


class Twin:
    """One run: a challenger of its own, and events as they come."""

    aim = Call.PROMOTE
    n_cells = 1  # rewards are predicted by the model of the log

    def __init__(self, log: TwinLog, *, lift: float, canary: float, rng: np.random.Generator) -> None:
        truth = truth_of(log, lift, rng=rng)
        self._log = log
        self._truth = truth
        self._rng = rng
        self.lift = truth.lift
        rest = 1 - log.held_out
        self.shares = (rest * (1 - canary), rest * canary)
        self.floor = log.floor
        self.least_propensity = log.least_propensity
        self.reward_range = (log.low, log.high)
        self._served = _with_hold_out((1 - canary) * log.champion + canary * truth.challenger, log)

    def past(self) -> Events:
        """The champion's own log, beside the hold-out."""
        return self._played(N_PAST, _with_hold_out(self._log.champion, self._log))

    def events(self, n: int) -> Events:
        """The next n decisions; they mature at once."""
        return self._played(n, self._served)

    def _played(self, n: int, served: NDArray[np.float64]) -> Events:
        row = self._rng.integers(len(served), size=n)
        pmf = served[row]
        cdf = pmf.cumsum(axis=1)
        action = (self._rng.random(n)[:, np.newaxis] * cdf[:, -1:] >= cdf[:, :-1]).sum(axis=1)
        return Events(
            cell=np.zeros(n, dtype=np.int64),
            action=action,
            reward=self._log.scatter.draw(self._truth.expected[row, action], self._rng),
            pmf=pmf,
            champion_pmf=self._log.champion[row],
            challenger_pmf=self._truth.challenger[row],
            predicted=self._log.expected[row],
        )


def _with_hold_out(pmf: NDArray[np.float64], log: TwinLog) -> NDArray[np.float64]:
    """(n, k) mixed with what the baseline does in its share."""
    return pmf if log.hold_out is None else (1 - log.held_out) * pmf + log.held_out * log.hold_out.pmf
