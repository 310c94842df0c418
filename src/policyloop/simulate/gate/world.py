"""A world: decisions of a champion and a challenger whose true difference is known.

Question answered: what does a plug-in of simulate/worlds promise to whoever plays the gate in it?
Letters: m events, k actions, c cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.gate.verdict import Call

WORLDS = "policyloop.simulate.worlds"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Matured events in the order of the log."""

    cell: NDArray[np.int64]  # (m,) kind of context; rewards are predicted for each cell and action
    action: NDArray[np.int64]  # (m,)
    reward: NDArray[np.float64]  # (m,)
    pmf: NDArray[np.float64]  # (m, k) as logged: of the mixture, where more than one model decides
    champion_pmf: NDArray[np.float64]  # (m, k)
    challenger_pmf: NDArray[np.float64]  # (m, k)
    predicted: NDArray[np.float64] | None = None  # (m, k) by a model of earlier events; None: means of earlier events by cell

    def __len__(self) -> int:
        """How many events."""
        return len(self.action)

    @property
    def propensity(self) -> NDArray[np.float64]:
        """(m,) logged probability of the action."""
        return self.pmf[np.arange(len(self)), self.action]

    def __getitem__(self, rows: slice) -> Events:
        return Events(
            cell=self.cell[rows],
            action=self.action[rows],
            reward=self.reward[rows],
            pmf=self.pmf[rows],
            champion_pmf=self.champion_pmf[rows],
            challenger_pmf=self.challenger_pmf[rows],
            predicted=None if self.predicted is None else self.predicted[rows],
        )


class World(Protocol):
    """One run of a world; `create(*, lift, canary, rng)` in a plug-in's file makes one."""

    @property
    def lift(self) -> float:
        """What the challenger truly earns more, per decision; as near to the lift that was asked for as can be."""
        ...

    @property
    def aim(self) -> Call:
        """What is looked for here: PROMOTE of a challenger, or ROLLBACK of a line beside its hold-out."""
        ...

    @property
    def reward_range(self) -> tuple[float, float]:
        """Smallest and largest reward."""
        ...

    @property
    def n_cells(self) -> int:
        """How many kinds of context there are."""
        ...

    @property
    def floor(self) -> float:
        """Of the explorer, in [0, 1]."""
        ...

    @property
    def least_propensity(self) -> float:
        """No action is served with less."""
        ...

    @property
    def shares(self) -> tuple[float, float]:
        """Of the decisions made by champion and by challenger; 0 where it is not known who served."""
        ...

    def past(self) -> Events:
        """The log from before the challenge: the first predictions are learned from it, and it is no evidence."""
        ...

    def events(self, n: int) -> Events:
        """Plays n more decisions: what has matured since the last call."""
        ...


def world_of(name: str, *, lift: float, canary: float | None, rng: np.random.Generator) -> World:
    """One run of the world of that name.

    Args:
        name: a plug-in of simulate/worlds.
        lift: wanted difference, challenger minus champion.
        canary: the challenger's share in [0, .5]; None: what the world has of its own.
        rng: of its truth and its draws.

    Raises:
        UnknownName: no world has that name.
    """
    made: World = plugins.load(WORLDS, name).create(lift=lift, canary=canary, rng=rng)
    return made


def joined(parts: Sequence[Events]) -> Events:
    """Some events after one another; at least one part."""
    is_predicted = all(part.predicted is not None for part in parts)
    return Events(
        cell=np.concatenate([part.cell for part in parts]),
        action=np.concatenate([part.action for part in parts]),
        reward=np.concatenate([part.reward for part in parts]),
        pmf=np.concatenate([part.pmf for part in parts]),
        champion_pmf=np.concatenate([part.champion_pmf for part in parts]),
        challenger_pmf=np.concatenate([part.challenger_pmf for part in parts]),
        predicted=np.concatenate([part.predicted for part in parts if part.predicted is not None]) if is_predicted else None,
    )
