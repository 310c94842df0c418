"""A shelf of items and people who look along it: a world whose truth is known, for rankings.

Question answered: with which probability does this person click that item, and what does a list of five bring? Each
session offers some of a catalogue that changes all the time, so most items are new to the policy. A click follows the
cascade model: people look from the top, click the first item that attracts them, and then leave.
Source: cascade model, Craswell et al. 2008.
Letters: k items offered, c features of a person, f of an item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.wire import CandidateAction

PLACES = 5  # that people look at
N_OFFERED = 20
_C, _F = 2, 3
_N_CATALOGUE = 200
_NEW_SHARE = 0.05  # of the catalogue's items that each session replaces, on average


@dataclass(frozen=True, slots=True, eq=False)
class Session:
    """One person in front of some items."""

    context: dict[str, Any]
    offered: list[CandidateAction]  # k
    attraction: NDArray[np.float64]  # (k,) probability that the person clicks the item when looking at it


class Shelf:
    """People, items and tastes, all drawn from one seed."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._taste = self._rng.normal(size=(_C + 1, _F))
        self._n_made = 0
        self._items = [self._new_item() for _ in range(_N_CATALOGUE)]

    def session(self) -> Session:
        """The next person, and what is there to be shown."""
        rng = self._rng
        for place in np.flatnonzero(rng.random(_N_CATALOGUE) < _NEW_SHARE):
            self._items[place] = self._new_item()
        person = rng.uniform(-1, 1, size=_C)
        shown = rng.choice(_N_CATALOGUE, size=N_OFFERED, replace=False)
        items = [self._items[place] for place in shown]
        features = np.array([list((item.features or {}).values()) for item in items])
        pull = features.dot(self._taste.T.dot(np.append(1.0, person)))
        attraction = 0.02 + 0.6 / (1.0 + np.exp(3.0 - 2.0 * pull))
        return Session({"age": float(person[0]), "budget": float(person[1])}, items, attraction)

    def _new_item(self) -> CandidateAction:
        self._n_made += 1
        drawn = self._rng.uniform(-1, 1, size=_F).tolist()
        return CandidateAction(id=f"item-{self._n_made}", features=dict(zip(("price", "size", "gloss"), drawn, strict=True)))


def click(attraction: Sequence[float], u: Sequence[float]) -> int | None:
    """The place that is clicked, the first whose attraction exceeds its `u` in [0, 1); None when none is."""
    return next((place for place, (a, number) in enumerate(zip(attraction, u, strict=True)) if number < a), None)


def chance_of_click(attraction: NDArray[np.float64]) -> float:
    """That any item of a list is clicked: 1 - prod (1 - a)."""
    return float(1.0 - np.prod(1.0 - attraction))
