"""A grid world: walk to the goal, keep out of the pits, on ground that is slippery.

Question answered: how far is what was learned from the exact optimum?
A step goes where it should, or with the chance `slip` to one of the two sides; at the edge one stays. The goal earns 1, a
pit -1, every other step -0.02; goal and pits end the episode. Exact values come from the linear system.
It brings along: `random`, `expert` (the exact optimum), `history` (half random, half the optimum).
Letters: n episodes, s cells, k actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.simulate.actor import EXPERT, Actor, Certain, Drawn, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem, named_columns
from policyloop.simulate.finite import FiniteProblem, certain

LABELS = ("up", "right", "down", "left")
GOAL, PIT, STEP = 1.0, -1.0, -0.02
_MOVES = np.array([(0, -1), (1, 0), (0, 1), (-1, 0)])  # (k, x and y)


def create(
    *,
    width: int = 6,
    height: int = 5,
    slip: float = 0.2,
    pits: Sequence[Sequence[int]] = ((2, 1), (3, 3)),
    max_steps: int = 100,
    discount: float = 0.97,
) -> GridWorld:
    """The environment. Episodes begin anywhere but in a pit or at the goal, which is in the last corner.

    Args:
        width, height: cells.
        slip: chance to land on either side of where one wanted to go, both together, [0, 1].
        pits: x and y of each, from 0.
        max_steps: an episode is truncated there.
        discount: [0, 1)
    """
    if not (2 <= width <= 50 and 2 <= height <= 50):
        raise BadSetting(f"width and height are {width} and {height}; expected 2 to 50 each.")
    if not 0.0 <= slip <= 1.0:
        raise BadSetting(f"slip is {slip}; expected a probability from 0 to 1.")
    for pit in pits:
        if len(pit) != 2 or not (0 <= pit[0] < width and 0 <= pit[1] < height) or tuple(pit) == (width - 1, height - 1):
            raise BadSetting(f"pits has {list(pit)}; expected x below {width} and y below {height}, and not the goal.")
    if max_steps < 1 or not 0.0 <= discount < 1.0:
        raise BadSetting(
            f"max_steps is {max_steps} and discount {discount}; expected 1 or more, and 0 or more and less than 1."
        )
    return GridWorld(width, height, slip, tuple((int(x), int(y)) for x, y in pits), max_steps, discount)


class GridWorld:
    """See the module."""

    def __init__(
        self, width: int, height: int, slip: float, pits: tuple[tuple[int, int], ...], max_steps: int, discount: float
    ) -> None:
        self.width, self.height, self.slip = width, height, slip
        self.earned = np.full(width * height, STEP)  # (s,) by entering each cell
        self.earned[-1] = GOAL
        for x, y in pits:
            self.earned[y * width + x] = PIT
        self.is_end = self.earned != STEP
        size = {"x": width, "y": height}
        self.problem = Problem(
            name="gridworld",
            context={name: {"type": "integer", "min": 0, "max": n - 1} for name, n in size.items()},
            actions=ActionSpec(kind="discrete", labels=LABELS),
            outcomes={"earned": {"type": "number", "min": PIT, "max": GOAL, "take": "last"}},
            expression="earned",
            reward_range=(PIT, GOAL),
            max_steps=max_steps,
            discount=discount,
            learner={"name": "cql_discrete"},
            explore={"name": "greedy", "floor": 0.1},
        )

    @cached_property
    def landing(self) -> NDArray[np.float64]:
        """(s, k, s) where a step from each cell leads to, ends included."""
        n, k = self.width * self.height, len(LABELS)
        cell = np.arange(n)
        moved = np.zeros((k, n, n))
        for i, (dx, dy) in enumerate(_MOVES):
            x = np.clip(cell % self.width + dx, 0, self.width - 1)
            y = np.clip(cell // self.width + dy, 0, self.height - 1)
            moved[i, cell, y * self.width + x] = 1.0
        sides = 0.5 * (np.roll(moved, 1, axis=0) + np.roll(moved, -1, axis=0))
        return np.moveaxis((1.0 - self.slip) * moved + self.slip * sides, 0, 1)

    @cached_property
    def truth(self) -> FiniteProblem:
        """The problem itself, to compute exact values and the optimum from. At its ends nothing is earned."""
        goes_on = ~self.is_end
        start = goes_on / goes_on.sum()
        reward = (self.landing @ self.earned) * goes_on[:, np.newaxis]
        transition = self.landing * goes_on[:, np.newaxis, np.newaxis] * goes_on
        return FiniteProblem(transition=transition, reward=reward, start=start, discount=self.problem.discount)

    @cached_property
    def actors(self) -> Mapping[str, Actor]:
        """See `Environment`."""
        best = self.truth.best()
        half = 0.5 * certain(best, len(LABELS)) + 0.5 / len(LABELS)
        return {
            "random": Uniform(self.problem.actions),
            "expert": Certain(lambda state: best[self.cell(state)], source=EXPERT, n_labels=len(LABELS)),
            "history": Drawn(lambda state: half[self.cell(state)]),
        }

    def cell(self, state: NDArray[Any]) -> NDArray[np.intp]:
        """(n,) the number of the cell that each state (n, 2) is."""
        cell: NDArray[np.intp] = (state[:, 1] * self.width + state[:, 0]).astype(np.intp)
        return cell

    def start(self, n: int, *, rng: np.random.Generator) -> Walks:
        """See `Environment`."""
        return Walks(self, n, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        return named_columns(("x", "y"), state.astype(np.int64))


class Walks:
    """n of them under way."""

    def __init__(self, grid: GridWorld, n: int, *, rng: np.random.Generator) -> None:
        self._grid, self._rng = grid, rng
        self._cdf = grid.landing.cumsum(axis=2)
        self._starts = np.flatnonzero(~grid.is_end)
        self._cell = rng.choice(self._starts, size=n)
        self._step = np.zeros(n, dtype=np.int64)

    @property
    def state(self) -> NDArray[np.float64]:
        """See `Episodes`."""
        return np.stack([self._cell % self._grid.width, self._cell // self._grid.width], axis=1).astype(np.float64)

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        cdf = self._cdf[self._cell, action]
        u = self._rng.random(len(action))[:, np.newaxis]
        self._cell = (u * cdf[:, -1:] >= cdf[:, :-1]).sum(axis=1)
        self._step = self._step + 1
        earned, terminated = self._grid.earned[self._cell], self._grid.is_end[self._cell]
        truncated = ~terminated & (self._step >= self._grid.problem.max_steps)
        return Moved(reward=earned, terminated=terminated, truncated=truncated, outcomes={"earned": earned})

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        self._cell, self._step = self._cell[rows], self._step[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        fresh = self._rng.choice(self._starts, size=len(rows))
        self._cell, self._step = np.where(rows, fresh, self._cell), np.where(rows, 0, self._step)
