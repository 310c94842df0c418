"""Boosting: broad lines first, then small trees that LightGBM grows on what the lines leave over, as many as help.

Question answered: what do the examples say beyond a weighted sum of the features? How many trees are used, from none
to `ROUNDS`, is chosen by progressive validation: at counts that double, everything is learned from the examples so far and
scored on those until the next, before they are learned.
Source: Friedman 2001 (gradient boosting); Ke et al. 2017 (LightGBM); Dawid 1984 (prequential validation).
Letters: n examples, f features that trees look at, g groups of trees (an action each; one for candidates), t trees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

import lightgbm
import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.example import ExampleBatch
from policyloop.policy.forest import MAX_LEAVES, MAX_SPLITS, Trees

ROUNDS = (0, 15, 30, 60)  # trees of a group that are tried
LEARNING_RATE = 0.1
MIN_IN_LEAF = 5  # examples
SHRINK = 1.0  # examples that bring nothing, added to each leaf
MAX_TREES = 2000  # in a model, so that loops with many actions still decide quickly
_FIRST_CHECK = 64
_CHECK_RATIO = 2
_STALE = 1.02  # with so many times the examples, what was learned is learned anew


class Lines(Protocol):
    """What is learned before the trees."""

    def of(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n,) expected reward of the actions taken."""
        ...


L = TypeVar("L", bound=Lines)
M = TypeVar("M")
M_co = TypeVar("M_co", covariant=True)


class Form(Protocol[L, M_co]):
    """How labels differ from candidates."""

    @property
    def n_groups(self) -> int:
        """How many sets of trees there are, g."""
        ...

    def fit(self, batch: ExampleBatch, weight: NDArray[np.float64]) -> L:
        """The broad lines of these examples (n,)."""
        ...

    def features(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n, f) what trees look at."""
        ...

    def group(self, batch: ExampleBatch) -> NDArray[np.int64]:
        """(n,) whose trees they teach."""
        ...

    def model(self, lines: L | None, trees: Trees, *, lowest: float, noise: float, n_draws: int) -> M_co:
        """The reward model; without lines that of no example."""
        ...


@dataclass(frozen=True, slots=True)
class _Fit(Generic[L]):
    """What some examples teach."""

    lines: L
    grown: Mapping[int, lightgbm.Booster]  # of each group that has enough examples
    bounds: tuple[float, float]  # lowest and highest reward seen


class Boosting(Generic[L, M]):
    """All examples, and the score of every number of trees."""

    def __init__(self, form: Form[L, M], *, half_life_s: float | None) -> None:
        self._form = form
        self._half_life_us = None if half_life_s is None else half_life_s * US_PER_S
        self._rounds = tuple(dict.fromkeys(min(rounds, MAX_TREES // form.n_groups) for rounds in ROUNDS))
        self._batches: list[ExampleBatch] = []
        self._n = 0
        self._fits: dict[int, _Fit[L]] = {}  # by the count of examples at the check
        self._losses: dict[int, NDArray[np.float64]] = {}  # of the blocks after a check that are complete
        self._kept: tuple[int, int, M] | None = None

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once."""
        if len(batch):
            self._batches.append(batch)
            self._n += len(batch)

    def reward_model(self, *, n_draws: int = 0) -> M:
        """What has been learned so far; one handed out within the last fiftieth of the examples is handed out again."""
        if self._kept is not None and self._kept[1] == n_draws and self._n <= self._kept[0] * _STALE:
            return self._kept[2]
        made = self._model(n_draws)
        self._kept = (self._n, n_draws, made)
        return made

    def progress(self) -> Mapping[str, float]:
        """`n`, `progressive_loss` (mean squared error before learning) and `n_rounds`, the trees of a group in use."""
        leader, progressive_loss = self._judged(self._all())
        return {"n": self._n, "progressive_loss": progressive_loss, "n_rounds": self._rounds[leader]}

    def _model(self, n_draws: int) -> M:
        batch = self._all()
        if not len(batch):
            none = packed({}, n_groups=self._form.n_groups, n_rounds=0)
            return self._form.model(None, none, lowest=-np.inf, noise=1.0, n_draws=n_draws)
        leader, progressive_loss = self._judged(batch)
        fit = self._fit(batch)
        trees = packed(fit.grown, n_groups=self._form.n_groups, n_rounds=self._rounds[leader])
        noise = float(np.sqrt(progressive_loss)) if self._n > _FIRST_CHECK else 1.0
        return self._form.model(fit.lines, trees, lowest=fit.bounds[0], noise=noise, n_draws=n_draws)

    def _all(self) -> ExampleBatch:
        """All examples as one batch."""
        if len(self._batches) > 1:
            columns = {field.name: [getattr(batch, field.name) for batch in self._batches] for field in fields(ExampleBatch)}
            joined = {name: None if parts[0] is None else np.concatenate(parts) for name, parts in columns.items()}
            self._batches = [ExampleBatch(**joined)]  # type: ignore[arg-type]
        return self._batches[0] if self._batches else _NOTHING

    def _fit(self, batch: ExampleBatch) -> _Fit[L]:
        """Lines and trees of these examples."""
        weight = self._weight(batch)
        lines = self._form.fit(batch, weight)
        rest = batch.reward - lines.of(batch)
        x, group = self._form.features(batch), self._form.group(batch)
        grown = {}
        for one in np.unique(group).tolist():
            rows = np.flatnonzero(group == one)
            booster = grow(x[rows], rest[rows], weight[rows], n_rounds=self._rounds[-1])
            if booster is not None:
                grown[one] = booster
        return _Fit(lines, grown, (float(batch.reward.min()), float(batch.reward.max())))

    def _weight(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n,) weights, which halve with every half-life before the newest."""
        if self._half_life_us is None:
            return np.ones(len(batch))
        age_us = batch.decided_at.max() - batch.decided_at
        return np.asarray(0.5 ** (age_us / self._half_life_us))

    def _judged(self, batch: ExampleBatch) -> tuple[int, float]:
        """Which number of trees leads, and the mean squared error of whoever led at the time."""
        losses, weights = np.zeros(len(self._rounds)), 0.0
        leader, progressive = len(self._rounds) - 1, 0.0
        start = _FIRST_CHECK
        while start < len(batch):
            stop = start * _CHECK_RATIO
            block = self._losses.get(start)
            if block is None:
                block = self._losses_of_block(batch, slice(start, stop))
            if stop <= len(batch):
                self._losses[start] = block
            progressive += float(block[leader])
            losses, weights = losses + block[:-1], weights + float(block[-1])
            leader = len(losses) - 1 - int(losses[::-1].argmin())
            start = stop
        return leader, progressive / weights if weights else 0.0

    def _losses_of_block(self, batch: ExampleBatch, rows: slice) -> NDArray[np.float64]:
        """Weighted squared errors of every number of trees on these examples, by all before them; last the sum of weights."""
        if rows.start not in self._fits:
            self._fits[rows.start] = self._fit(batch[: rows.start])
        fit, block = self._fits[rows.start], batch[rows]
        weight = self._weight(block)
        x, group, lines = self._form.features(block), self._form.group(block), fit.lines.of(block)
        losses = []
        for n_rounds in self._rounds:
            foretold = lines.copy()
            for one, booster in fit.grown.items() if n_rounds else ():
                own = np.flatnonzero(group == one)
                if len(own):
                    foretold[own] += booster.predict(x[own], num_iteration=n_rounds, num_threads=1)
            losses.append(weight.dot((block.reward - foretold.clip(*fit.bounds)) ** 2))
        return np.array([*losses, weight.sum()])


def grow(
    x: NDArray[np.float64], rest: NDArray[np.float64], weight: NDArray[np.float64], *, n_rounds: int
) -> lightgbm.Booster | None:
    """Trees on what is left over; None where there is too little to split.

    Args:
        x: (n, f)
        rest: (n,) what they are to tell.
        weight: (n,)
        n_rounds: how many trees.
    """
    if n_rounds == 0 or len(rest) < 2 * MIN_IN_LEAF or not (x != x[0]).any():
        return None
    settings = {
        "objective": "regression",
        "learning_rate": LEARNING_RATE,
        "num_leaves": MAX_LEAVES,
        "min_data_in_leaf": MIN_IN_LEAF,
        "min_sum_hessian_in_leaf": 1.0,  # an example at full weight; less, and LightGBM stumbles over its own rounding
        "min_data_in_bin": 1,
        "lambda_l2": SHRINK,
        "boost_from_average": False,
        "feature_pre_filter": False,
        "num_threads": 1,
        "deterministic": True,
        "force_col_wise": True,
        "seed": 1,
        "verbosity": -1,
    }
    return lightgbm.train(settings, lightgbm.Dataset(x, rest, weight=weight), num_boost_round=n_rounds)


def packed(grown: Mapping[int, lightgbm.Booster], *, n_groups: int, n_rounds: int) -> Trees:
    """The first `n_rounds` trees of every group; one that adds nothing where a group has none."""
    found: list[tuple[int, dict[str, str]]] = []
    for group in range(n_groups):
        own = _texts(grown[group], n_rounds) if n_rounds and group in grown else []
        found.extend((group, text) for text in own or [{"num_leaves": "1"}])
    t = len(found)
    trees = Trees(
        n_splits=np.array([int(text["num_leaves"]) - 1 for _, text in found], dtype=np.uint8),
        feature=np.zeros((t, MAX_SPLITS), dtype=np.int32),
        threshold=np.zeros((t, MAX_SPLITS)),
        left=np.full((t, MAX_SPLITS), -1, dtype=np.int8),
        right=np.full((t, MAX_SPLITS), -1, dtype=np.int8),
        value=np.zeros((t, MAX_LEAVES)),
        group=np.array([group for group, _ in found], dtype=np.int32),
    )
    of_name: dict[str, NDArray[Any]] = {
        "split_feature": trees.feature,
        "threshold": trees.threshold,
        "left_child": trees.left,
        "right_child": trees.right,
        "leaf_value": trees.value,
    }
    for row, (_, text) in enumerate(found):
        for name, array in of_name.items():
            numbers = text.get(name, "").split()
            array[row, : len(numbers)] = [array.dtype.type(number) for number in numbers]
    return trees


def _texts(booster: lightgbm.Booster, n_rounds: int) -> list[dict[str, str]]:
    """What LightGBM writes about each tree; without splits it ends, as nothing more could be told."""
    texts = []
    for part in booster.model_to_string(num_iteration=n_rounds).split("\nTree=")[1:]:
        text = dict(line.split("=", 1) for line in part.split("\n\n")[0].splitlines() if "=" in line)
        if text["num_leaves"] == "1":
            break
        texts.append(text)
    return texts


_NOTHING = ExampleBatch(
    features=np.zeros((0, 1)),
    allowed=np.zeros((0, 1), dtype=bool),
    action=np.zeros(0, dtype=np.int64),
    reward=np.zeros(0),
    propensity=np.zeros(0),
    decided_at=np.zeros(0, dtype=np.int64),
)
