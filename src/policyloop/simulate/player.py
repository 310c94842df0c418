"""The player: asks the decider what to do with a row, and knows at once whether that was right.

Question answered: what happened so far, as examples? In a simulation an outcome comes at once, so an example is a
decision and its reward, without a log or a join between them.
Letters: n decisions, k actions.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import Clock
from policyloop.core.event import Decision, Logged
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.wire import DecideRequest
from policyloop.serve.decider import Decider
from policyloop.serve.live import Live, live_of
from policyloop.simulate.dataset import Dataset
from policyloop.simulate.played import examples_of


class Plays(Protocol):
    """What an improver needs of a player, whatever is played."""

    @property
    def live(self) -> Live:
        """What decides now."""
        ...

    @property
    def n(self) -> int:
        """Decisions so far."""
        ...

    def assign(self, live: Live) -> None:
        """Let another policy decide from the next decision on."""
        ...

    def examples(self, *, start: int = 0) -> Examples:
        """Everything that happened from decision `start` on, as the join would give it."""
        ...


class Player:
    """Plays rows of a data set through the decider, and keeps what came of them."""

    def __init__(self, data: Dataset, spec: LoopSpec, *, seed: int, clock: Clock) -> None:
        self._data = data
        self._k = len(spec.labels)
        self._seed = seed
        self._decisions: list[Decision] = []
        self._rewards: list[float] = []
        salt = hashlib.blake2b(f"simulate {seed}".encode()).digest()
        self._decider = Decider(live_of(spec, salt=salt), clock=clock, append=self._append)

    @property
    def live(self) -> Live:
        """What decides now."""
        return self._decider.live

    @property
    def n(self) -> int:
        """Decisions so far, those of the warm start included."""
        return len(self._rewards)

    def assign(self, live: Live) -> None:
        """Let another policy decide from the next decision on."""
        self._decider.assign(live)

    def play(self, row: int) -> float:
        """Decide for one row, and see its reward: 1 for the right action, else 0."""
        request = DecideRequest(context=self._data.contexts[row], decision_id=f"{self._seed}-{self.n}")
        decided = self._decider.decide(request)
        self._rewards.append(float(decided.answer.index == self._data.label[row]))
        return self._rewards[-1]

    def rewards(self, *, start: int = 0) -> NDArray[np.float64]:
        """(n,) rewards in order, from decision `start` on."""
        return np.array(self._rewards[start:])

    def examples(self, *, start: int = 0) -> Examples:
        """Everything that happened from decision `start` on, as the join would give it."""
        return examples_of(self._decisions[start:], self.rewards(start=start), k=self._k)

    def _append(self, decision: Logged) -> int:
        assert isinstance(decision, Decision), "the rows of a table are played with labels"
        self._decisions.append(decision)
        return len(self._decisions)
