"""The force-controlled cart-pole: hold a pole upright, and bring the cart to a goal that jumps.

Question answered: is a policy found that is better than everything in its history?
An action is a force. The goal is right for 300 steps, then left for 300, and so on. What made its history is a linear
regulator that does something random on every second step, so a good policy has to be better than anything in the data.
It brings along: `random`, `expert` (the regulator), `history` (it, with every second step random).
Letters: n episodes, 5 numbers of a state: place, speed, angle, turning speed, goal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec, BoxPart
from policyloop.simulate.actor import EXPERT, Actor, Certain, EveryNth, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem, named_columns

NAMES = ("x", "v", "th", "w", "goal")
DT_S = 0.02
GRAVITY = 9.8
POLE_KG = 0.1
TOTAL_KG = 1.1
HALF_LENGTH_M = 0.5
FORCE_N = 30.0
GOAL_M = 0.5
GOAL_EVERY = 600  # steps; half of them on either side
NEAR_M = 0.1
EDGE_M = 2.4
FALLEN = math.pi / 2
START = 0.05
GAIN = np.array([-10.0, -6.9114, -68.8266, -12.7629])  # of a linear regulator: Q = diag(100, 0, 1, 0), R = 1, gravity 9.81

_CIRCLE = "sqrt(1 - min((2 * next.{0}) ** 2, 1))"  # half a circle, of radius 0.5
REWARD = "10 * (abs(next.x - next.goal) < 0.1) + " + " + ".join(_CIRCLE.format(name) for name in ("v", "th", "w"))


def create(*, max_steps: int = 1000) -> CartPole:
    """The environment.

    Args:
        max_steps: an episode is truncated there.
    """
    if not 1 <= max_steps <= 1_000_000:
        raise BadSetting(f"max_steps is {max_steps}; expected 1 to 1,000,000.")
    return CartPole(max_steps)


class CartPole:
    """See the module."""

    def __init__(self, max_steps: int) -> None:
        actions = ActionSpec(kind="continuous", box=(BoxPart(name="force", low=-1.0, high=1.0),))
        self.problem = Problem(
            name="cart-pole",
            context=dict.fromkeys(NAMES, "number"),
            actions=actions,
            outcomes={},
            expression=REWARD,
            reward_range=(0.0, 13.0),
            max_steps=max_steps,
            discount=0.99,
            learner={"name": "rebrac", "width": 128, "updates": 20_000, "checkpoint_every": 1000},
            explore={"name": "gaussian", "scale": 0.1, "floor": 0.02},
        )
        uniform, expert = Uniform(actions), Certain(regulate, source=EXPERT)
        self.actors: Mapping[str, Actor] = {
            "random": uniform,
            "expert": expert,
            "history": EveryNth(uniform, expert, every=2),
        }

    def start(self, n: int, *, rng: np.random.Generator) -> CartPoles:
        """See `Environment`."""
        return CartPoles(n, max_steps=self.problem.max_steps, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        return named_columns(NAMES, state)


class CartPoles:
    """n of them under way."""

    def __init__(self, n: int, *, max_steps: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._max_steps = max_steps
        self._step = np.zeros(n, dtype=np.int64)
        self._state = self._fresh(n)

    @property
    def state(self) -> NDArray[Any]:
        """See `Episodes`."""
        return self._state

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        state = np.empty((5, len(self._step))).T  # a number of all episodes lies in one piece
        _push(self._state, np.clip(action[:, 0], -1.0, 1.0), into=state)
        state[:, 4] = goal_at(self._step + 1)
        reward = np.where(self._step == 0, 0.0, reward_of(state))
        self._step = self._step + 1
        self._state = state
        terminated = (np.abs(state[:, 0]) > EDGE_M) | (np.abs(state[:, 2]) > FALLEN)
        return Moved(reward=reward, terminated=terminated, truncated=~terminated & (self._step >= self._max_steps))

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        self._state, self._step = self._state[rows], self._step[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        state, step = self._state.copy(), self._step.copy()
        state[rows], step[rows] = self._fresh(int(rows.sum())), 0
        self._state, self._step = state, step

    def _fresh(self, n: int) -> NDArray[np.float64]:
        state = self._rng.uniform(-START, START, (n, 5))
        state[:, 4] = GOAL_M
        return state


def goal_at(step: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) where the cart should be at each step, m."""
    return np.where(step % GOAL_EVERY < GOAL_EVERY // 2, GOAL_M, -GOAL_M)


def reward_of(state: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) of the state that an action led to: near the goal, and calm. The first step of an episode has none."""
    calm = np.sqrt(1.0 - np.minimum(np.abs(state[:, 1:4]) / 0.5, 1.0) ** 2).sum(axis=1)
    return 10.0 * (np.abs(state[:, 0] - state[:, 4]) < NEAR_M) + calm  # type: ignore[no-any-return]


def regulate(state: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 1) the regulator's force."""
    error = state[:, :4].astype(np.float64)
    error[:, 0] -= state[:, 4]
    force: NDArray[np.float64] = np.clip(-(error @ GAIN) / FORCE_N, -1.0, 1.0)[:, np.newaxis]
    return force


def _push(state: NDArray[Any], action: NDArray[Any], *, into: NDArray[np.float64]) -> None:
    """One step of Euler: each of the four numbers is moved by the old derivatives."""
    v, th, w = state[:, 1], state[:, 2], state[:, 3]
    sin, cos = np.sin(th), np.cos(th)
    pole = POLE_KG * HALF_LENGTH_M
    push = (FORCE_N * action + pole * w * w * sin) / TOTAL_KG
    turn = (GRAVITY * sin - cos * push) / (HALF_LENGTH_M * (4.0 / 3.0 - POLE_KG * cos * cos / TOTAL_KG))
    speed_up = push - pole * turn * cos / TOTAL_KG
    for i, slope in enumerate((v, speed_up, w, turn)):
        into[:, i] = state[:, i] + DT_S * slope
