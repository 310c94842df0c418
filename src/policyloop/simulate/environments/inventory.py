"""Inventory: how much to order each day, when an order costs a fixed sum, stock costs money and a lost sale costs more.

Question answered: does looking ahead pay, where the optimum is known and an order of today is the stock of tomorrow?
Demand is Poisson; what is ordered arrives before the day's sales; what cannot be sold is lost. The best policy is of the
kind (s, S): at s or below, order up to S (Scarf 1960). Episodes never terminate: they are truncated.
It brings along: `random`, `expert` (the exact optimum), `history` (half random, half a careless (s, S)).
Letters: n episodes, s states, k actions: to order 0, 1, ... units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.simulate.actor import EXPERT, Actor, Certain, Drawn, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem, named_columns
from policyloop.simulate.finite import FiniteProblem, certain

PRICE = 4.0  # earned by a sale
UNIT_COST = 2.0  # of a unit ordered
ORDER_COST = 3.0  # of an order, whatever its size
HOLDING_COST = 0.2  # of a unit that is left in the evening
LOST_COST = 1.0  # of a sale that was lost
_LEAST_CHANCE = 1e-12  # of a demand; larger ones are as good as never


def create(*, capacity: int = 20, mean_demand: float = 4.0, max_steps: int = 50, discount: float = 0.95) -> Inventory:
    """The environment.

    Args:
        capacity: units that the store holds; also the most that can be ordered.
        mean_demand: a day.
        max_steps: days of an episode.
        discount: [0, 1)
    """
    for name, value, low, high in (
        ("capacity", capacity, 1, 200),
        ("mean_demand", mean_demand, 0.01, 100.0),
        ("max_steps", max_steps, 1, 1_000_000),
    ):
        if not low <= value <= high:
            raise BadSetting(f"{name} is {value}; expected {low} to {high:,}.")
    if not 0.0 <= discount < 1.0:
        raise BadSetting(f"discount is {discount}; expected 0 or more and less than 1: episodes of a store have no end.")
    return Inventory(capacity, mean_demand, max_steps, discount)


class Inventory:
    """See the module."""

    def __init__(self, capacity: int, mean_demand: float, max_steps: int, discount: float) -> None:
        self.capacity, self.mean_demand = capacity, mean_demand
        most = capacity * PRICE
        least = -(ORDER_COST + capacity * (UNIT_COST + HOLDING_COST) + LOST_COST * (len(self.demand) - 1))
        self.problem = Problem(
            name="inventory",
            context={"stock": {"type": "integer", "min": 0, "max": capacity}},
            actions=ActionSpec(kind="discrete", labels=tuple(f"order-{i}" for i in range(capacity + 1))),
            outcomes={"earned": {"type": "number", "min": least, "max": most, "take": "last"}},
            expression="earned",
            reward_range=(least, most),
            max_steps=max_steps,
            discount=discount,
            learner={"name": "cql_discrete"},
            explore={"name": "greedy", "floor": 0.1},
        )

    @cached_property
    def demand(self) -> NDArray[np.float64]:
        """(m,) the chance of each demand, from 0."""
        chances = [math.exp(-self.mean_demand)]
        while chances[-1] > _LEAST_CHANCE or len(chances) < self.mean_demand:
            chances.append(chances[-1] * self.mean_demand / len(chances))
        return np.array(chances) / sum(chances)

    @cached_property
    def truth(self) -> FiniteProblem:
        """The problem itself, to compute exact values and the optimum from."""
        n = self.capacity + 1
        transition, reward = np.zeros((n, n, n)), np.zeros((n, n))
        amounts = np.arange(len(self.demand))
        for stock in range(n):
            for order in range(n):
                left, earned = self.day(np.full_like(amounts, stock), np.full_like(amounts, order), amounts)
                np.add.at(transition[stock, order], left, self.demand)
                reward[stock, order] = self.demand @ earned
        return FiniteProblem(transition=transition, reward=reward, start=np.full(n, 1.0 / n), discount=self.problem.discount)

    @cached_property
    def actors(self) -> Mapping[str, Actor]:
        """See `Environment`."""
        k = self.capacity + 1
        best, careless = certain(self.truth.best(), k), self.reorder(self.capacity // 4, self.capacity // 2)
        half = 0.5 * careless + 0.5 / k
        return {
            "random": Uniform(self.problem.actions),
            "expert": Certain(lambda state: best.argmax(axis=1)[_stock(state)], source=EXPERT, n_labels=k),
            "history": Drawn(lambda state: half[_stock(state)]),
        }

    def reorder(self, at: int, up_to: int) -> NDArray[np.float64]:
        """(s, k) the policy (s, S): order up to `up_to` whenever the stock is `at` or less."""
        stock = np.arange(self.capacity + 1)
        return certain(np.where(stock <= at, np.maximum(up_to - stock, 0), 0), self.capacity + 1)

    def day(
        self, stock: NDArray[np.int64], order: NDArray[np.int64], demand: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(n,) what is left in the evening, and what was earned. What does not fit into the store is not bought."""
        bought = np.minimum(order, self.capacity - stock)
        offered = stock + bought
        sold = np.minimum(offered, demand)
        left = offered - sold
        spent = UNIT_COST * bought + ORDER_COST * (bought > 0) + HOLDING_COST * left + LOST_COST * (demand - sold)
        return left, PRICE * sold - spent

    def start(self, n: int, *, rng: np.random.Generator) -> Stores:
        """See `Environment`."""
        return Stores(self, n, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        return named_columns(("stock",), state.astype(np.int64))


class Stores:
    """n of them under way."""

    def __init__(self, inventory: Inventory, n: int, *, rng: np.random.Generator) -> None:
        self._inventory, self._rng = inventory, rng
        self._stock = rng.integers(inventory.capacity + 1, size=n)
        self._day = np.zeros(n, dtype=np.int64)

    @property
    def state(self) -> NDArray[np.float64]:
        """See `Episodes`."""
        return self._stock[:, np.newaxis].astype(np.float64)

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        n = len(self._stock)
        demand = self._rng.choice(len(self._inventory.demand), size=n, p=self._inventory.demand)
        self._stock, earned = self._inventory.day(self._stock, action, demand)
        self._day = self._day + 1
        is_over = self._day >= self._inventory.problem.max_steps
        return Moved(reward=earned, terminated=np.zeros(n, np.bool_), truncated=is_over, outcomes={"earned": earned})

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        self._stock, self._day = self._stock[rows], self._day[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        fresh = self._rng.integers(self._inventory.capacity + 1, size=len(rows))
        self._stock, self._day = np.where(rows, fresh, self._stock), np.where(rows, 0, self._day)


def _stock(state: NDArray[Any]) -> NDArray[np.intp]:
    return state[:, 0].astype(np.intp)
