"""Shared linear: one set of weights scores every candidate, from its features and those of the context.

Question answered: what reward is to be expected of each candidate in this context, also of one that was never offered?
`a' W x + a' Q a`, plus `w_id' u` for candidates whose ids are known, which have weights of their own on the first
features of the context. One decision multiplies W with the context once, so a thousand candidates cost two small products.
Source: the hybrid linear model of Li et al. 2010 (arXiv:1003.0146), section 3.2.
Letters: m pairs, n contexts, d features of the context (the first is 1), e of a candidate (the first is 1), i known ids,
p features of the context with weights per id, s posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Pairs, Prediction, Tensors


class Weights(NamedTuple):
    """The model's numbers, or several draws of them on top of each other."""

    crossed: NDArray[np.float64]  # (..., e, d) W
    squared: NDArray[np.float64]  # (..., e, e) Q
    of_id: NDArray[np.float64]  # (..., i, p)


@dataclass(frozen=True, slots=True, eq=False)
class SharedLinear:
    """Weights, and beside them posterior draws or what widths are made of, where the explorer asked for it."""

    weights: Weights
    draws: Weights | None
    lowest: float  # no candidate is expected to bring less; -inf where nothing is known
    has_squares: bool
    is_width: bool = False  # the draws are no draws: the root of the sum of their squares is the standard error

    @property
    def kind(self) -> str:
        """The plug-in that loads it."""
        return "linear"

    @property
    def n_draws(self) -> int:
        """How many rows are answered beside the means: draws, or one of standard errors."""
        if self.is_width:
            return 1
        return 0 if self.draws is None else len(self.draws.crossed)

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        """Expected rewards (m,) and draws (s, m)."""
        mean = np.maximum(self._of(self.weights, pairs), self.lowest)
        if self.draws is None:
            return Prediction(mean)
        rows = np.stack([self._of(Weights(*one), pairs) for one in zip(*self.draws, strict=True)])
        return Prediction(mean, np.sqrt(np.square(rows).sum(axis=0, keepdims=True)) if self.is_width else rows)

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        tensors = dict(self.weights._asdict())
        if self.draws is not None:
            tensors |= {f"{name}_draws": draws for name, draws in self.draws._asdict().items()}
        return {"lowest": self.lowest if isfinite(self.lowest) else None, "is_width": self.is_width}, tensors

    def _of(self, weights: Weights, pairs: Pairs) -> NDArray[np.float64]:
        """(m,) values of the form."""
        contexts, row, actions, ids = pairs.contexts, pairs.row, pairs.actions, pairs.ids
        if len(contexts) == 1:
            value = actions.dot(weights.crossed.dot(contexts[0]))
        else:
            value = np.einsum("me,me->m", actions, contexts.dot(weights.crossed.T)[row])
        if self.has_squares:
            value = value + np.einsum("me,me->m", actions.dot(weights.squared), actions)
        if not weights.of_id.size:
            return np.asarray(value)
        p = weights.of_id.shape[-1]
        if len(contexts) == 1:
            own = np.append(weights.of_id.dot(contexts[0, :p]), 0.0)[ids]  # an unknown id is -1, the last one: nothing
        else:
            own = np.einsum("mp,mp->m", weights.of_id[ids], contexts[row, :p]) * (ids >= 0)
        return np.asarray(value + own)


def create(weights: Weights, *, draws: Weights | None = None, lowest: float = -inf, is_width: bool = False) -> SharedLinear:
    """A model from its weights; expectations below `lowest` are raised to it, `is_width` says what the draws are."""
    has_squares = bool(weights.squared.any()) or (draws is not None and bool(draws.squared.any()))
    return SharedLinear(weights, draws, lowest, has_squares, is_width)


def load(settings: dict[str, Any], tensors: Tensors) -> SharedLinear:
    """The inverse of `save`.

    Raises:
        BadModel: weights are missing or not finite.
    """
    missing = [name for name in Weights._fields if name not in tensors]
    if missing:
        raise BadModel(f"a linear model of candidates needs the tensors {', '.join(Weights._fields)}; {missing[0]} is missing.")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise BadModel("the weights of the linear model are not all finite; expected numbers. Train it again.")
    weights = Weights(*(tensors[name] for name in Weights._fields))
    has_draws = all(f"{name}_draws" in tensors for name in Weights._fields)
    draws = Weights(*(tensors[f"{name}_draws"] for name in Weights._fields)) if has_draws else None
    lowest = settings.get("lowest")
    is_width = bool(settings.get("is_width", False))
    return create(weights, draws=draws, lowest=-inf if lowest is None else lowest, is_width=is_width)
