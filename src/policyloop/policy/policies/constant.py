"""Constant: the same preference for every context; the baseline before any model is live, and the safe fallback.

Question answered: what do we do while we know nothing? With the greedy explorer it takes the named action, or the first
allowed one where that is masked; with equal preferences it takes all evenly.
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import UnknownName
from policyloop.core.policy import Pairs, Prediction, Tensors

CHOICES = ("first", "uniform")  # beside the labels themselves


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A preference per action, whatever the context."""

    preference: NDArray[np.float64]  # (k,)
    n_draws: int = 0
    kind: str = "constant"

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """The preferences, once or once per row of (n, d) features."""
        return Prediction(np.broadcast_to(self.preference, (*features.shape[:-1], len(self.preference))))

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, no tensors)."""
        return {"preference": self.preference.tolist()}, {}


@dataclass(frozen=True, slots=True, eq=False)
class SharedConstant:
    """A preference per place in the offered order, and for one known id above all."""

    choice: str  # `first`, `uniform` or `id`
    place: int = -1  # of the id among the known ones
    n_draws: int = 0
    kind: str = "constant"

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        """The preferences (m,), in each context anew."""
        m = len(pairs.row)
        if self.choice == "uniform":
            return Prediction(np.zeros(m))
        start = np.searchsorted(pairs.row, pairs.row)  # rows rise
        order = -(np.arange(m, dtype=np.float64) - start)  # the first allowed one stands in for one that is not
        return Prediction(np.where(pairs.ids == self.place, 1.0, order) if self.choice == "id" else order)

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, no tensors)."""
        return {"choice": self.choice, "place": self.place}, {}


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> Constant:
    """A model of random preferences, for contract tests; it has no posterior draws."""
    return Constant(rng.normal(size=n_actions))


def load(settings: dict[str, Any], tensors: Tensors) -> Constant:
    """The inverse of `save`."""
    return Constant(np.array(settings["preference"], dtype=np.float64))


def load_shared(settings: dict[str, Any], tensors: Tensors) -> SharedConstant:
    """The inverse of `SharedConstant.save`."""
    return SharedConstant(settings["choice"], settings["place"])


def create(labels: Sequence[str], choice: str) -> Constant:
    """`choice` is a label, `first` or `uniform`; a label comes before the words.

    Raises:
        UnknownName: it is none of them; the nearest is suggested.
    """
    k = len(labels)
    order = np.arange(k, 0, -1, dtype=np.float64)  # the first allowed action stands in for one that is masked
    if choice in labels:
        order[list(labels).index(choice)] = k + 1
        return Constant(order)
    if choice == "first":
        return Constant(order)
    if choice == "uniform":
        return Constant(np.zeros(k))
    raise UnknownName("action", choice, [*labels, *CHOICES])


def create_shared(ids: Sequence[str], choice: str) -> SharedConstant:
    """For candidates: `choice` is a known id, `first` or `uniform`; an id comes before the words.

    Raises:
        UnknownName: it is none of them; the nearest is suggested.
    """
    if choice in ids:
        return SharedConstant("id", list(ids).index(choice))
    if choice in CHOICES:
        return SharedConstant(choice)
    raise UnknownName("action", choice, [*ids, *CHOICES])
