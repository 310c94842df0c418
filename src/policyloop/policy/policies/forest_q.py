"""Forest Q: trees that tell the return to expect of an action in a state; the action with the highest one is taken.

Question answered: which label, or which numbers, are worth most from here on? Two critics of LightGBM trees answer, each
grown on episodes of its own, and where they disagree the lower one counts more: that is where the history says little.
Numbers are chosen among points that are spread over their box.
Source: Ernst, Geurts & Wehenkel 2005 (tree-based fitted Q iteration).
Letters: n states, d numbers of a state, a numbers of an action, k labels, m points of the box, c critics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Floats
from policyloop.core.errors import BadModel
from policyloop.core.policy import Prediction, Tensors
from policyloop.policy.one_by_one import OneByOne

_CELLS_AT_ONCE = 2**22  # numbers handed to the trees at a time
_POINTS = (21, 11, 7)  # along each of one, two or three numbers
_SCATTERED = 512  # points where there are more numbers than that
_ALMOST_ONE = 1.0 - 1e-6  # of a squashed number: its inverse stays finite


class Grown:
    """Trees of one critic for one label, or for all numbers; or a single value, where too little was seen to grow any."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._booster: lightgbm.Booster | None = None
        self._value = 0.0
        if text.startswith(b"value "):
            self._value = float(text.removeprefix(b"value "))
        else:
            self._booster = lightgbm.Booster(model_str=text.decode())

    @staticmethod
    def of(booster: lightgbm.Booster | float) -> Grown:
        """What was grown, by the text that it is kept as, so that what is saved answers the same."""
        told = f"value {booster!r}" if isinstance(booster, float) else booster.model_to_string()
        return Grown(told.encode())

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) returns to expect, for rows of numbers (n, f)."""
        if self._booster is None or len(x) == 0:
            return np.full(len(x), self._value)
        return np.asarray(self._booster.predict(x, num_threads=1), dtype=np.float64)


Critic = tuple[Grown, ...]  # for each label one; for numbers a single one, which looks at state and action


@dataclass(frozen=True, slots=True, eq=False)
class ForestQ:
    """Critics, and what may be chosen."""

    critics: tuple[Critic, ...]  # c
    conservative: float  # how far below the critics' mean: 1 is the lower of two, 0 their mean
    state_shape: tuple[int, ...]
    low: NDArray[np.float64]  # (a,) the box; empty for labels
    high: NDArray[np.float64]
    kind: str = "forest_q"
    n_draws: int = 0

    @property
    def n_numbers(self) -> int:
        """How many numbers an action has, a."""
        return len(self.low)

    @property
    def points(self) -> NDArray[np.float64]:
        """(m, a) of the box, among which is chosen."""
        return points_of(self.low, self.high)

    def act(self, state: NDArray[Any]) -> Floats:
        """(n, a) the point of the box that is worth most."""
        points = self.points
        found = np.empty((len(state), len(self.low)), dtype=np.float32)
        for rows in _chunks(len(state), prod(self.state_shape) * len(points)):
            found[rows] = points[self._of_points(_flat(state[rows]), points).argmax(axis=1)]
        return found

    def gaussian(self, state: NDArray[Any]) -> tuple[Floats, Floats]:
        """(n, a) what is done, before squashing; it never varies."""
        squashed = (self.act(state) - (self.low + self.high) / 2) / ((self.high - self.low) / 2)
        mean = np.arctanh(squashed.clip(-_ALMOST_ONE, _ALMOST_ONE)).astype(np.float32)
        return mean, np.zeros_like(mean)

    def scores(self, state: NDArray[Any]) -> Floats:
        """(n, k) conservative expected return of every label."""
        x = _flat(state)
        return self._lower(np.array([[grown.predict(x) for grown in critic] for critic in self.critics])).T.astype(np.float32)

    def value(self, state: NDArray[Any], action: NDArray[Any]) -> Floats:
        """(n,) conservative expected return of numbers (n, a) or of the places of labels (n,)."""
        if len(self.low) == 0:
            return self.scores(state)[np.arange(len(state)), np.asarray(action, dtype=np.intp).reshape(-1)]
        x = np.hstack([_flat(state), np.asarray(action, dtype=np.float64).reshape(len(state), len(self.low))])
        return self._lower(np.array([critic[0].predict(x) for critic in self.critics])).astype(np.float32)

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """What to expect of every label, for one state or n of them."""
        scores = self.scores(np.reshape(features, (-1, *self.state_shape))).astype(np.float64)
        return Prediction(scores if np.ndim(features) > len(self.state_shape) else scores[0])

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors): the trees are kept as LightGBM's own text."""
        texts = {f"critic{j}.{i}": grown.text for j, critic in enumerate(self.critics) for i, grown in enumerate(critic)}
        tensors: Tensors = {name: np.frombuffer(text, dtype=np.uint8) for name, text in texts.items()}
        settings = {"conservative": self.conservative, "n_critics": len(self.critics), "state_shape": list(self.state_shape)}
        return {**settings, "low": self.low.tolist(), "high": self.high.tolist()}, tensors

    def _of_points(self, x: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, m) conservative expected return of every point."""
        pairs = np.hstack([np.repeat(x, len(points), axis=0), np.tile(points, (len(x), 1))])
        return self._lower(np.array([critic[0].predict(pairs) for critic in self.critics])).reshape(len(x), len(points))

    def _lower(self, found: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the critics (c, ...) together expect, the less the more they disagree."""
        return np.asarray(found.mean(axis=0) - self.conservative * (found.max(axis=0) - found.min(axis=0)) / 2)


def points_of(low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, a) points of a box: a grid for up to three numbers, else scattered evenly, always the same."""
    a = len(low)
    if a <= len(_POINTS):
        axes = [np.linspace(one, other, _POINTS[a - 1]) for one, other in zip(low, high, strict=True)]
        return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
    scattered = np.random.default_rng(0).random((_SCATTERED - 1, a))
    return np.asarray(low + np.vstack([np.full(a, 0.5), scattered]) * (high - low))


def load(settings: Mapping[str, Any], tensors: Tensors) -> ForestQ:
    """The inverse of `save`.

    Raises:
        BadModel: a critic is missing, or its trees cannot be read.
    """
    n_critics = int(settings["n_critics"])
    critics = tuple(_critic(j, tensors) for j in range(n_critics))
    if not critics or not all(critics) or len({len(critic) for critic in critics}) > 1:
        raise BadModel(f"a model of trees needs {n_critics} critics alike; found {sorted(tensors)}. Train it again.")
    low, high = (np.array(settings[name], dtype=np.float64) for name in ("low", "high"))
    return ForestQ(critics, float(settings["conservative"]), tuple(settings["state_shape"]), low, high)


def served(model: ForestQ) -> ForestQ | OneByOne:
    """The model as it serves, one state at a time."""
    return OneByOne(model, model.low, model.high) if model.n_numbers else model


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> ForestQ:
    """A model of random trees over labels, for contract tests; it has no posterior draws."""
    x = rng.normal(size=(60, n_features))
    settings = {"objective": "regression", "num_leaves": 4, "min_data_in_leaf": 5, "verbosity": -1, "num_threads": 1}
    critics = [
        tuple(
            Grown.of(lightgbm.train(settings, lightgbm.Dataset(x, rng.normal(size=60)), num_boost_round=3))
            for _ in range(n_actions)
        )
        for _ in range(2)
    ]
    return ForestQ(tuple(critics), 1.0, (n_features,), np.zeros(0), np.zeros(0))


def _critic(j: int, tensors: Tensors) -> Critic:
    """One critic's trees, of each label in order."""
    n = sum(name.startswith(f"critic{j}.") for name in tensors)
    try:
        return tuple(Grown(tensors[f"critic{j}.{i}"].tobytes()) for i in range(n))
    except (lightgbm.basic.LightGBMError, ValueError, KeyError) as error:
        raise BadModel(f"the trees of critic {j} cannot be read: {error}. Copy the model again, or train it again.") from None


def _flat(state: NDArray[Any]) -> NDArray[np.float64]:
    """(n, d) what trees look at."""
    return np.asarray(state, dtype=np.float64).reshape(len(state), prod(state.shape[1:]))


def _chunks(n: int, width: int) -> Sequence[slice]:
    """Row ranges that together cover n rows."""
    size = max(_CELLS_AT_ONCE // max(width, 1), 1)
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]
