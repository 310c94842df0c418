"""Boosted: a weighted sum of the features tells the broad lines of an action's reward, small decision trees the rest.

Question answered: what reward is to be expected of every action, or of every candidate, in this context? How the trees
are asked is in policy/forest.py; for candidates the broad lines are those of policy/shared_linear.py.
Letters: n decisions, k actions, d features of the context (the first is 1), s posterior draws; m pairs of context and
candidate, e features of a candidate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Pairs, Prediction, Tensors
from policyloop.policy import forest, shared_linear
from policyloop.policy.forest import MAX_LEAVES, MAX_SPLITS, Forest, Trees
from policyloop.policy.shared_linear import SharedLinear

_LINES = "lines."  # how tensors of the broad lines of candidates are marked


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """Weights and trees per action."""

    weights: NDArray[np.float64]  # (k, d)
    draws: NDArray[np.float64] | None  # (s, k, d) of the weights; the trees are the same in all of them
    forest: Forest  # a group per action
    lowest: float  # no action is expected to bring less; -inf where nothing is known

    @property
    def kind(self) -> str:
        """This file's name."""
        return "boosted"

    @property
    def n_draws(self) -> int:
        """How many posterior draws `predict` answers."""
        return 0 if self.draws is None else len(self.draws)

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """Expected rewards for features of shape (d,) or (n, d)."""
        if features.ndim > 1:
            rest = self.forest.sums(features)
            mean = np.maximum(features.dot(self.weights.T) + rest, self.lowest)
        else:
            rest = self.forest.sums_of_one(features)
            mean = np.maximum(self.weights.dot(features) + rest, self.lowest)
        if self.draws is None:
            return Prediction(mean)
        s, k, d = self.draws.shape
        lines = features.dot(self.draws.reshape(s * k, d).T).reshape(*features.shape[:-1], s, k)
        return Prediction(mean, lines + rest[..., np.newaxis, :])

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        own = {"weights": self.weights} if self.draws is None else {"weights": self.weights, "draws": self.draws}
        return {"lowest": self.lowest if isfinite(self.lowest) else None}, own | self.forest.trees.save()


@dataclass(frozen=True, slots=True, eq=False)
class BoostedShared:
    """Broad lines and trees that score any candidate."""

    lines: SharedLinear
    forest: Forest  # one group; looks at the context's features, then at the candidate's
    n_features: int  # of both

    @property
    def kind(self) -> str:
        """This file's name."""
        return "boosted"

    @property
    def n_draws(self) -> int:
        """How many posterior draws are answered."""
        return self.lines.n_draws

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        """Expected rewards (m,) and draws (s, m)."""
        lines = self.lines.predict_pairs(pairs)
        rest = self.forest.sums(side_by_side(pairs))[:, 0]
        draws = None if lines.draws is None else lines.draws + rest
        return Prediction(np.maximum(lines.mean + rest, self.lines.lowest), draws)

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        settings, tensors = self.lines.save()
        marked = {_LINES + name: tensor for name, tensor in tensors.items()}
        return {**settings, "n_features": self.n_features}, marked | self.forest.trees.save()


def side_by_side(pairs: Pairs) -> NDArray[np.float64]:
    """(m, d + e) features that the trees of candidates look at."""
    return np.hstack([pairs.contexts[pairs.row], pairs.actions])


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> Boosted:
    """A model of random weights and trees, for contract tests."""
    t = 5 * n_actions
    chain = np.arange(1, MAX_SPLITS + 1)  # each split leads to the next, or to its own leaf
    trees = Trees(
        n_splits=np.full(t, MAX_SPLITS, dtype=np.uint8),
        feature=rng.integers(n_features, size=(t, MAX_SPLITS), dtype=np.int32),
        threshold=rng.normal(size=(t, MAX_SPLITS)),
        left=np.tile(-chain, (t, 1)).astype(np.int8),
        right=np.tile(np.where(chain < MAX_SPLITS, chain, -1 - MAX_SPLITS), (t, 1)).astype(np.int8),
        value=rng.normal(size=(t, MAX_LEAVES)),
        group=np.repeat(np.arange(n_actions, dtype=np.int32), 5),
    )
    draws = rng.normal(size=(n_draws, n_actions, n_features)) if n_draws else None
    return Boosted(rng.normal(size=(n_actions, n_features)), draws, Forest(trees), -1.0)


def load(settings: dict[str, Any], tensors: Tensors) -> Boosted:
    """The inverse of `save`.

    Raises:
        BadModel: a tensor is missing, not finite, or points to what is not there.
    """
    if "weights" not in tensors or tensors["weights"].ndim != 2:
        raise BadModel(f"a boosted model needs the tensor 'weights', a row an action; found {sorted(tensors)}. Train it again.")
    weights, draws = tensors["weights"], tensors.get("draws")
    if not all(np.isfinite(one).all() for one in (weights, draws) if one is not None):
        raise BadModel("the weights of the boosted model are not all finite; expected numbers. Train it again.")
    k, d = weights.shape
    if draws is not None and draws.shape[1:] != (k, d):
        raise BadModel(f"the draws of the boosted model have the shape {draws.shape}; expected (s, {k}, {d}). Train it again.")
    lowest = settings.get("lowest")
    trees = forest.check(_trees(tensors), n_features=d, n_groups=k)
    return Boosted(weights, draws, Forest(trees), -np.inf if lowest is None else float(lowest))


def load_shared(settings: dict[str, Any], tensors: Tensors) -> BoostedShared:
    """The inverse of `save` for candidates.

    Raises:
        BadModel: a tensor is missing, not finite, or points to what is not there.
    """
    n_features = settings.get("n_features")
    if not isinstance(n_features, int):
        raise BadModel(f"a boosted model of candidates needs the setting 'n_features'; found {settings}. Train it again.")
    own = {name.removeprefix(_LINES): tensor for name, tensor in tensors.items() if name.startswith(_LINES)}
    trees = forest.check(_trees(tensors), n_features=n_features, n_groups=1)
    return BoostedShared(shared_linear.load(settings, own), Forest(trees), n_features)


def _trees(tensors: Mapping[str, NDArray[Any]]) -> Trees:
    """The trees of a file, not yet checked."""
    missing = [field.name for field in fields(Trees) if field.name not in tensors]
    if missing:
        raise BadModel(f"a boosted model needs the tensor '{missing[0]}'; found {sorted(tensors)}. Train it again.")
    return Trees(**{field.name: tensors[field.name] for field in fields(Trees)})
