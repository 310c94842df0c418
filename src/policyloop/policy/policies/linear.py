"""Linear: the expected reward of each action is a weighted sum of the features, and of their products where asked.

Question answered: what reward is to be expected of every action in this context? For the products it computes the
quadratic form `x' Q_a x`, two small matrix products, rather than making the products first.
Letters: n decisions, k actions, d features (the first is always 1), m terms, s posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Prediction, Tensors
from policyloop.policy import shared_linear
from policyloop.policy.shared_linear import SharedLinear

EXPANSIONS = ("none", "quadratic")


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Weights per action, and draws of them or their spread where the explorer asked for it."""

    expansion: str
    lowest: NDArray[np.float64]  # () no action is expected to bring less; -inf where nothing is known
    weights: NDArray[np.float64]  # (k, m)
    draws: NDArray[np.float64] | None  # (s, k, m)
    spread: NDArray[np.float64] | None  # (k, m, m) for explorers that need widths: |spread_a x| is the standard error
    mean_form: NDArray[np.float64]  # (k, d), or (k * d, d) for quadratic
    draws_form: NDArray[np.float64] | None  # (s * k, d), or (s * k * d, d)

    @property
    def kind(self) -> str:
        """This file's name."""
        return "linear"

    @property
    def n_draws(self) -> int:
        """How many rows `predict` answers beside the means: draws of the weights, or one of widths."""
        if self.draws is None:
            return 0 if self.spread is None else 1
        return len(self.draws)

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """Expected rewards for features of shape (d,) or (n, d)."""
        if self.spread is not None:
            return self._with_widths(features, self.spread)
        if features.ndim > 1:
            terms = expand(self.expansion, features)
            mean = np.maximum(terms.dot(self.weights.T), self.lowest)
            draws = None if self.draws is None else terms.dot(_rows(self.draws).T)
        else:
            mean = np.maximum(self._value_of_one(self.mean_form, features), self.lowest)
            draws = None if self.draws_form is None else self._value_of_one(self.draws_form, features)
        if draws is None:
            return Prediction(mean)
        return Prediction(mean, draws.reshape(*features.shape[:-1], self.n_draws, len(self.weights)))

    def _with_widths(self, features: NDArray[np.float64], spread: NDArray[np.float64]) -> Prediction:
        """Means, and their standard errors as the only row beside them."""
        terms = expand(self.expansion, np.atleast_2d(features))
        mean = np.maximum(terms.dot(self.weights.T), self.lowest)
        width = np.stack([np.sqrt(np.square(terms.dot(each.T)).sum(axis=1)) for each in spread], axis=1)
        return Prediction(mean, width[:, np.newaxis]) if features.ndim > 1 else Prediction(mean[0], width)

    def _value_of_one(self, form: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of the linear or quadratic forms stacked in `form` at one x (d,)."""
        if self.expansion == "none":
            return np.asarray(form.dot(x))
        return np.asarray(form.dot(x).reshape(-1, len(x)).dot(x))

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        every = {"weights": self.weights, "draws": self.draws, "spread": self.spread}
        tensors = {name: tensor for name, tensor in every.items() if tensor is not None}
        lowest = float(self.lowest)
        return {"expansion": self.expansion, "lowest": lowest if isfinite(lowest) else None}, tensors


def create(
    expansion: str,
    weights: NDArray[np.float64],
    *,
    draws: NDArray[np.float64] | None = None,
    spread: NDArray[np.float64] | None = None,
    lowest: float = -inf,
) -> Linear:
    """A model from its weights.

    Args:
        expansion: `none` or `quadratic`.
        weights: (k, m)
        draws: (s, k, m) posterior draws or replicates of the weights, for explorers that need them.
        spread: (k, m, m) for explorers that need widths instead.
        lowest: expectations below are raised to it. An action that was never tried near this context may be expected to
            bring less than anything ever did; raised, it is as good as the others that bring nothing, and gets tried.
    """
    draws_form = None if draws is None else _form(expansion, _rows(draws))
    return Linear(expansion, np.array(lowest), weights, draws, spread, _form(expansion, weights), draws_form)


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> Linear:
    """A model of random weights, for contract tests."""
    m = n_terms("quadratic", n_features)
    draws = rng.normal(size=(n_draws, n_actions, m)) if n_draws else None
    return create("quadratic", rng.normal(size=(n_actions, m)), draws=draws, lowest=-1.0)


def load(settings: dict[str, Any], tensors: Tensors) -> Linear:
    """The inverse of `save`.

    Raises:
        BadModel: an unknown expansion, missing weights, or weights that are not finite.
    """
    if settings.get("expansion") not in EXPANSIONS or "weights" not in tensors:
        raise BadModel(f"a linear model needs the tensor 'weights' and an expansion of {EXPANSIONS}; found {settings}.")
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise BadModel("the weights of the linear model are not all finite; expected numbers. Train it again.")
    lowest = settings.get("lowest")
    return create(
        settings["expansion"],
        tensors["weights"],
        draws=tensors.get("draws"),
        spread=tensors.get("spread"),
        lowest=-inf if lowest is None else lowest,
    )


def load_shared(settings: dict[str, Any], tensors: Tensors) -> SharedLinear:
    """The inverse of `SharedLinear.save`.

    Raises:
        BadModel: weights are missing or not finite.
    """
    return shared_linear.load(settings, tensors)


def expand(expansion: str, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) terms of (n, d) features: themselves, or all products of two (the first feature is 1, so also themselves)."""
    if expansion == "none":
        return features
    n, d = features.shape
    by_feature = np.ascontiguousarray(features.T)  # products of long rows cost a tenth of products of short ones
    by_term = np.empty((n_terms(expansion, d), n))
    start = 0
    for i in range(d):  # the products of feature i with itself and with those after it
        np.multiply(by_feature[i], by_feature[i:], out=by_term[start : start + d - i])
        start += d - i
    return by_term.T


def n_terms(expansion: str, n_features: int) -> int:
    """How many terms `expand` makes of `n_features` features."""
    return n_features if expansion == "none" else n_features * (n_features + 1) // 2


@cache
def _pairs(d: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Index pairs (i, j) with i <= j; the first d of them are (0, j), the features themselves."""
    return np.triu_indices(d)


def _rows(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draws (s, k, m) as (s * k, m)."""
    return draws.reshape(-1, draws.shape[-1])


def _form(expansion: str, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (r, m) laid out for `_values`: as they are, or as r upper-triangular (d, d) matrices on top of each other."""
    if expansion == "none":
        return np.ascontiguousarray(weights)
    d = int((np.sqrt(8 * weights.shape[-1] + 1) - 1) / 2 + 0.5)
    if n_terms("quadratic", d) != weights.shape[-1]:
        raise BadModel(f"{weights.shape[-1]} weights are not the products of any number of features; expected d (d + 1) / 2.")
    form = np.zeros((len(weights), d, d))
    row, column = _pairs(d)
    form[:, row, column] = weights
    return form.reshape(-1, d)
