"""Cells: ten kinds of context, five actions, and two policies that differ in some of the contexts.

Question answered: which reward rate has each action in each cell, and what does each policy do there? All rates are drawn
anew in each run. Both policies explore with a floor. Where they are apart, each has a favourite of its own; the challenger
gains in some of those cells and loses in others, and the mean of all cells is exactly the lift.
Letters: m events, k actions, c cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.simulate.gate.world import Events

N_CELLS, N_ACTIONS = 10, 5
FLOOR = 0.1
MEAN_REWARD = 0.3
N_PAST = 1000  # events of the champion alone, before the challenge


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The truth of one run."""

    rate: NDArray[np.float64]  # (c, k) chance that the reward is 1
    champion: NDArray[np.float64]  # (c, k) pmf
    challenger: NDArray[np.float64]  # (c, k) pmf
    is_apart: NDArray[np.bool_]  # (c,) whether the two policies have different favourites there

    @property
    def lift(self) -> float:
        """What the challenger truly earns more than the champion, when all cells are equally frequent."""
        return float(((self.challenger - self.champion) * self.rate).sum(axis=1).mean())

    def mixture(self, canary: float) -> NDArray[np.float64]:
        """(c, k) what is served when the challenger has that share."""
        return (1 - canary) * self.champion + canary * self.challenger

    def played(
        self,
        n: int,
        *,
        served: NDArray[np.float64],
        rng: np.random.Generator,
        logged: NDArray[np.float64] | None = None,
        rate: NDArray[np.float64] | None = None,
    ) -> Events:
        """Some decisions and what came of them.

        Args:
            n: how many.
            served: (c, k) what the actions are drawn from.
            rng: of contexts, actions and rewards.
            logged: (c, k) what the log says they were drawn from; None: the truth.
            rate: (c, k) instead of the usual rates.
        """
        cell = rng.integers(len(served), size=n)
        above = rng.random(n)[:, np.newaxis] >= served.cumsum(axis=1)[cell, :-1]
        action = above.sum(axis=1)
        reward = rng.random(n) < (self.rate if rate is None else rate)[cell, action]
        return Events(
            cell=cell,
            action=action,
            reward=reward.astype(np.float64),
            pmf=(served if logged is None else logged)[cell],
            champion_pmf=self.champion[cell],
            challenger_pmf=self.challenger[cell],
        )


def cells_of(
    lift: float,
    *,
    rng: np.random.Generator,
    mean_reward: float = MEAN_REWARD,
    n_apart: int = 3,
    largest_gain: float = 1.0,
    margin: float = 0.0,
    favourite: int | None = None,
) -> Cells:
    """A truth with that lift.

    Args:
        lift: wanted; cut to what the largest gain makes possible.
        rng: of the rates and the favourites.
        mean_reward: rates are drawn from half of it to one and a half times it.
        n_apart: cells in which the policies differ.
        largest_gain: of one favourite over the other, in one cell.
        margin: rates where the policies differ stay so far from 0 and 1.
        favourite: of the champion, in every cell; None: another one in each.
    """
    rate = mean_reward * rng.uniform(0.5, 1.5, size=(N_CELLS, N_ACTIONS))
    own = rng.integers(N_ACTIONS, size=N_CELLS) if favourite is None else np.full(N_CELLS, favourite)
    others = (own + rng.integers(1, N_ACTIONS, size=N_CELLS)) % N_ACTIONS
    is_apart = np.arange(N_CELLS) < n_apart
    gain = _gains(lift, mean_reward=mean_reward, n_apart=n_apart, largest=min(largest_gain, 1 - 2 * margin))
    for cell, size in enumerate(gain):
        one, other = own[cell], others[cell]
        middle = np.clip(rate[cell, one], abs(size) / 2 + margin, 1 - margin - abs(size) / 2)
        rate[cell, one], rate[cell, other] = middle - size / 2, middle + size / 2
    return Cells(rate, favouring(own), favouring(np.where(is_apart, others, own)), is_apart)


def favouring(action: NDArray[np.int64], *, floor: float = FLOOR) -> NDArray[np.float64]:
    """(c, k) a policy with one favourite in each cell, and a floor."""
    pmf = np.full((len(action), N_ACTIONS), floor / N_ACTIONS)
    pmf[np.arange(len(action)), action] += 1 - floor
    return pmf


def _gains(lift: float, *, mean_reward: float, n_apart: int, largest: float) -> list[float]:
    """What the challenger's favourite gains in each cell where it differs: unequal, with the mean that the lift needs."""
    spread = 0.2 * mean_reward
    mean = lift * N_CELLS / (n_apart * (1 - FLOOR))
    possible = min(max(mean, spread - largest), largest - spread)
    gains: list[float] = (possible + spread * np.linspace(-1, 1, n_apart)).tolist()
    return gains
