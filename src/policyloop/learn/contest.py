"""Contest: several learners learn the same log; whichever would have decided best on what came after is taken.

Question answered: which of these learners suits this loop? At counts that depend on nothing but how many examples came
before, the models are frozen, and scored on every example until the next check, before it is learned (progressive validation):
- what the model's best action would have brought, by the doubly robust estimate. All models share one guess of the
  rewards, the mean of theirs, so that none can flatter itself; weights are clipped at `MAX_WEIGHT`.
- the squared error of the reward expected for the action taken.
Value is what is wanted, but where a policy hardly explores it is noisy; error is steady, but speaks mostly of the actions
that were taken anyway. So a later learner takes over from an earlier one if it is worth more by `CLEAR` standard errors of
the paired difference, or if neither is clearly worth more and its error is lower by as many.
Source: Dawid 1984 (prequential validation); Dudík et al. 2014 (arXiv:1503.02834).
Letters: n examples, k actions, f learners.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import ExampleBatch
from policyloop.core.policy import Learner, Pairs, RewardModel, SharedLearner, SharedRewardModel

MAX_WEIGHT = 20.0
CLEAR = 2.0  # standard errors
MIN_SCORED = 50  # examples, before which the first leads
_FIRST_CHECK = 64
_CHECK_RATIO = 1.6


@dataclass(frozen=True, slots=True)
class Entrant:
    """One of those in the contest."""

    name: str
    learner: Learner | SharedLearner
    has_draws: bool  # whether its models give posterior draws


class Pairing:
    """Sums of a figure of every learner, from which the mean of a difference and its standard error follow."""

    def __init__(self, n_learners: int) -> None:
        self.n = 0
        self._sum = np.zeros(n_learners)
        self._products = np.zeros((n_learners, n_learners))

    def add(self, figures: NDArray[np.float64]) -> None:
        """Figures (f, n)."""
        self.n += figures.shape[1]
        self._sum += figures.sum(axis=1)
        self._products += figures.dot(figures.T)

    def mean(self, i: int) -> float:
        """Of learner i; 0 before any."""
        return float(self._sum[i]) / self.n if self.n else 0.0

    def lead(self, i: int, j: int) -> float:
        """By how many standard errors i's mean is above j's; 0 where they never differ."""
        if self.n < 2:
            return 0.0
        gap = self.mean(i) - self.mean(j)
        square = self._products[i, i] + self._products[j, j] - 2 * self._products[i, j]
        variance = max(float(square) / self.n - gap**2, 0.0) / (self.n - 1)
        return gap / variance**0.5 if variance > 1e-18 else 0.0


class Contest:
    """The learners, their frozen models, and the score so far."""

    def __init__(self, entrants: Sequence[Entrant]) -> None:
        """At least one entrant, the simplest first."""
        self._entrants = tuple(entrants)
        self._value, self._error = Pairing(len(entrants)), Pairing(len(entrants))
        self._progressive = 0.0  # sum of the squared errors of whoever led at the time
        self._frozen: list[RewardModel | SharedRewardModel] | None = None
        self._bounds = (np.inf, -np.inf)  # lowest and highest reward seen
        self._n = 0
        self._next_check = _FIRST_CHECK
        self._needs_draws = False
        self._led = 0  # who led at the last check
        self._clip = self._bounds  # as of the last check

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        for piece in self._pieces(batch):
            if self._frozen is not None:
                self._judge(piece, self._frozen)
            for entrant in self._entrants:
                entrant.learner.learn(piece)
            self._bounds = (min(self._bounds[0], float(piece.reward.min())), max(self._bounds[1], float(piece.reward.max())))
            self._n += len(piece)
            if self._n == self._next_check:
                self._led, self._clip = self._leader(), self._bounds
                self._frozen = [entrant.learner.reward_model() for entrant in self._entrants]
                self._next_check = int(self._n * _CHECK_RATIO)

    def reward_model(self, *, n_draws: int = 0) -> RewardModel | SharedRewardModel:
        """The leader's; later learning does not change it."""
        self._needs_draws = n_draws > 0
        return self._entrants[self._leader()].learner.reward_model(n_draws=n_draws)

    def progress(self) -> Mapping[str, float | str]:
        """`n`, `progressive_loss` (of whoever led at the time), `learner` that leads, and `reason` in words."""
        loss = self._progressive / self._error.n if self._error.n else 0.0
        name = self._entrants[self._leader()].name
        return {"n": self._n, "progressive_loss": loss, "learner": name, "reason": self._reason()}

    def _pieces(self, batch: ExampleBatch) -> Iterator[ExampleBatch]:
        """The batch, cut where a check falls due."""
        start = 0
        while start < len(batch):
            stop = min(len(batch), start + self._next_check - self._n)
            yield batch[start:stop]
            start = stop

    def _judge(self, piece: ExampleBatch, models: Sequence[RewardModel | SharedRewardModel]) -> None:
        """Score the models on examples that they have not learned."""
        if piece.action_features is None:
            foretold = np.stack([model.predict(piece.features).mean for model in models]).clip(*self._clip)  # type: ignore[union-attr]
            self._value.add(values(foretold, piece))
            taken = foretold[:, np.arange(len(piece)), piece.action]
        else:
            assert piece.action_id is not None
            pairs = Pairs(piece.features, np.arange(len(piece)), piece.action_features, piece.action_id)
            taken = np.stack([model.predict_pairs(pairs).mean for model in models]).clip(*self._clip)  # type: ignore[union-attr]
        errors = (piece.reward - taken) ** 2
        self._error.add(errors)
        self._progressive += float(errors[self._led].sum())

    def _leader(self) -> int:
        """Who is taken, among those that give what is asked for."""
        able = [i for i, entrant in enumerate(self._entrants) if entrant.has_draws or not self._needs_draws]
        leader = able[0]
        for i in able[1:] if self._error.n >= MIN_SCORED else ():
            worth = self._value.lead(i, leader)
            if worth >= CLEAR or (worth > -CLEAR and self._error.lead(i, leader) <= -CLEAR):
                leader = i
        return leader

    def _reason(self) -> str:
        """Why the leader leads, for people."""
        leader = self._leader()
        name = self._entrants[leader].name
        if self._error.n < MIN_SCORED:
            return f"{name} leads until {MIN_SCORED} examples have been scored."
        told = []
        for i, entrant in enumerate(self._entrants):
            worth = f"worth {self._value.mean(i):.4g}, " if self._value.n else ""
            against = "" if i == leader else f" ({self._compared(leader, i)})"
            told.append(f"{entrant.name}: {worth}squared error {self._error.mean(i):.4g}{against}")
        return f"{name}, judged by {self._error.n:,} examples before they were learned. {'; '.join(told)}."

    def _compared(self, leader: int, i: int) -> str:
        """How the leader stands against another."""
        error = f"its error is {abs(self._error.lead(leader, i)):.1f} standard errors "
        error += "lower" if self._error.mean(leader) <= self._error.mean(i) else "higher"
        if not self._value.n:
            return f"against it, {error}"
        worth = self._value.lead(leader, i)
        return f"against it, the leader is worth {worth:+.1f} standard errors, and {error}"


def values(foretold: NDArray[np.float64], piece: ExampleBatch) -> NDArray[np.float64]:
    """(f, n) doubly robust worth of each model's best action, for each example.

    Args:
        foretold: (f, n, k) expected rewards.
        piece: the n examples; where the propensity is unknown, the shared guess stands alone.
    """
    rows = np.arange(len(piece))
    guess = foretold.mean(axis=0)
    best = np.where(piece.allowed, foretold, -np.inf).argmax(axis=2)
    with np.errstate(invalid="ignore"):
        weight = np.nan_to_num(np.minimum(1.0 / piece.propensity, MAX_WEIGHT), nan=0.0)
    surprise = weight * (piece.reward - guess[rows, piece.action])
    return np.asarray(guess[rows, best] + (best == piece.action) * surprise)
