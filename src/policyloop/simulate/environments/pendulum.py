"""A pendulum that hangs: swing it up and hold it there, with a motor too weak to lift it at once.

Question answered: does a learner find what no single step pays for: to swing away from the top in order to reach it?
An action is a torque. It earns at most 0 a step: less for an angle off the top, for turning, and for torque. Episodes never
terminate; they are truncated. It brings along: `random`, `expert` (pumps energy, then holds), `history` (it, with every
second step random) and `learner` (it, with every fourth step random).
Letters: n episodes, 3 numbers of a state: cosine and sine of the angle, turning speed.
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

NAMES = ("cos", "sin", "w")
DT_S = 0.05
GRAVITY = 10.0
MASS_KG = 1.0
LENGTH_M = 1.0
TORQUE_NM = 2.0
FASTEST = 8.0  # rad/s
WORST = -(math.pi**2 + 0.1 * FASTEST**2 + 0.001 * TORQUE_NM**2)
_HOLD_WITHIN = 0.35  # rad off the top, where the expert stops pumping
_HOLD = (12.0, 3.0)  # torque a rad, and a rad/s


def create(*, max_steps: int = 200) -> Pendulum:
    """The environment.

    Args:
        max_steps: an episode is truncated there.
    """
    if not 1 <= max_steps <= 1_000_000:
        raise BadSetting(f"max_steps is {max_steps}; expected 1 to 1,000,000.")
    return Pendulum(max_steps)


class Pendulum:
    """See the module."""

    def __init__(self, max_steps: int) -> None:
        actions = ActionSpec(kind="continuous", box=(BoxPart(name="torque", low=-TORQUE_NM, high=TORQUE_NM),))
        self.problem = Problem(
            name="pendulum",
            context={
                "cos": {"type": "number", "min": -1, "max": 1},
                "sin": {"type": "number", "min": -1, "max": 1},
                "w": {"type": "number", "min": -FASTEST, "max": FASTEST},
            },
            actions=actions,
            outcomes={"earned": {"type": "number", "min": WORST, "max": 0, "take": "last"}},
            expression="earned",
            reward_range=(WORST, 0.0),
            max_steps=max_steps,
            discount=0.99,
            learner={"name": "cql"},
            explore={"name": "gaussian", "scale": 0.1, "floor": 0.02},
        )
        uniform, expert = Uniform(actions), Certain(swing_up, source=EXPERT)
        self.actors: Mapping[str, Actor] = {
            "random": uniform,
            "expert": expert,
            "history": EveryNth(uniform, expert, every=2),
            "learner": EveryNth(uniform, expert, every=4),
        }

    def start(self, n: int, *, rng: np.random.Generator) -> Pendulums:
        """See `Environment`."""
        return Pendulums(n, max_steps=self.problem.max_steps, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        return named_columns(NAMES, state)


class Pendulums:
    """n of them under way."""

    def __init__(self, n: int, *, max_steps: int, rng: np.random.Generator) -> None:
        self._rng, self._max_steps = rng, max_steps
        self._angle, self._speed = self._fresh(n)
        self._step = np.zeros(n, dtype=np.int64)

    @property
    def state(self) -> NDArray[np.float64]:
        """See `Episodes`."""
        return np.stack([np.cos(self._angle), np.sin(self._angle), self._speed], axis=1)

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        torque = np.clip(action[:, 0], -TORQUE_NM, TORQUE_NM)
        off = (self._angle + math.pi) % (2 * math.pi) - math.pi
        earned = -(off**2 + 0.1 * self._speed**2 + 0.001 * torque**2)
        turn = 1.5 * GRAVITY / LENGTH_M * np.sin(self._angle) + 3.0 / (MASS_KG * LENGTH_M**2) * torque
        self._speed = np.clip(self._speed + turn * DT_S, -FASTEST, FASTEST)
        self._angle = self._angle + self._speed * DT_S
        self._step = self._step + 1
        n = len(torque)
        truncated = self._step >= self._max_steps
        return Moved(reward=earned, terminated=np.zeros(n, np.bool_), truncated=truncated, outcomes={"earned": earned})

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        self._angle, self._speed, self._step = self._angle[rows], self._speed[rows], self._step[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        angle, speed = self._fresh(len(rows))
        self._angle, self._speed = np.where(rows, angle, self._angle), np.where(rows, speed, self._speed)
        self._step = np.where(rows, 0, self._step)

    def _fresh(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._rng.uniform(-math.pi, math.pi, n), self._rng.uniform(-1.0, 1.0, n)


def swing_up(state: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 1) the torque that adds energy until the pendulum is nearly up, and holds it there."""
    off, speed = np.arctan2(state[:, 1], state[:, 0]), state[:, 2]
    stiffness, damping = _HOLD
    hold = -stiffness * off - damping * speed
    # of a rod: half its inertia (1/3) times speed squared, and its weight at half its length; 0 is standing still at the top
    energy = MASS_KG * LENGTH_M**2 / 6.0 * speed**2 + MASS_KG * GRAVITY * LENGTH_M / 2.0 * (np.cos(off) - 1.0)
    pump = np.where(speed == 0.0, TORQUE_NM, -5.0 * energy * np.sign(speed))
    return np.clip(np.where(np.abs(off) < _HOLD_WITHIN, hold, pump), -TORQUE_NM, TORQUE_NM)[:, np.newaxis]
