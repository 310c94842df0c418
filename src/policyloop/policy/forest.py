"""Forest: many small decision trees, laid out so that one context is answered quickly.

Question answered: what do these trees add up to, group by group? All different conditions of all trees are asked at once.
The answers to a tree's conditions, one bit each, are the number of a row in that tree's table, and the table says what the
tree adds. That is six array operations whatever the number of trees; walking from split to split needs several a level.
Source of the idea: QuickScorer, Lucchese et al. 2015, which also asks all conditions first.
Letters: t trees, g groups of them, u different conditions, n rows, d features.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Tensors

MAX_SPLITS = 8  # of a tree: as many conditions as one byte has bits
MAX_LEAVES = MAX_SPLITS + 1
MAX_TREES = 200_000
DTYPES = {
    "n_splits": np.dtype(np.uint8),
    "feature": np.dtype(np.int32),
    "threshold": np.dtype(np.float64),
    "left": np.dtype(np.int8),
    "right": np.dtype(np.int8),
    "value": np.dtype(np.float64),
    "group": np.dtype(np.int32),
}
_CODES = 2**MAX_SPLITS
_CELLS_AT_ONCE = 2**22  # conditions held at a time, so that a long table needs no more memory than a short one


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Trees as they are saved. Split 0 is the root; a split's children are later splits, or `-1 - leaf`."""

    n_splits: NDArray[np.uint8]  # (t,) from 0, where leaf 0 is all there is, to `MAX_SPLITS`
    feature: NDArray[np.int32]  # (t, MAX_SPLITS) what a split looks at
    threshold: NDArray[np.float64]  # (t, MAX_SPLITS) left where the feature is no more than this
    left: NDArray[np.int8]  # (t, MAX_SPLITS)
    right: NDArray[np.int8]  # (t, MAX_SPLITS)
    value: NDArray[np.float64]  # (t, MAX_LEAVES) what each leaf adds
    group: NDArray[np.int32]  # (t,) what the tree adds to: from 0, rising, none left out

    def __len__(self) -> int:
        return len(self.n_splits)

    def save(self) -> Tensors:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Forest:
    """Trees ready to be asked. Immutable; threads may share it."""

    def __init__(self, trees: Trees) -> None:
        used = np.arange(MAX_SPLITS) < trees.n_splits[:, np.newaxis]
        asked = np.stack([trees.feature[used], trees.threshold[used]], axis=1)
        different, where = np.unique(asked, axis=0, return_inverse=True) if len(asked) else (np.zeros((1, 2)), np.zeros(0))
        condition = np.zeros(used.shape, dtype=np.intp)
        condition[used] = np.ravel(where)
        self.trees = trees
        self.n_groups = int(trees.group[-1]) + 1
        self._count = np.bincount(different[:, 0].astype(np.intp))  # how many of the conditions, in order, look at each feature
        self._threshold = np.ascontiguousarray(different[:, 1])  # (u,)
        self._condition = condition.ravel()  # (t * MAX_SPLITS,)
        self._row = np.arange(len(trees)) * _CODES  # (t,) where a tree's table begins
        self._value = np.take_along_axis(trees.value, _leaf_of_code(trees), axis=1).ravel()  # (t * _CODES,)
        self._start = np.flatnonzero(np.diff(trees.group, prepend=-1))  # (g,)

    def sums_of_one(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the trees of each group add up to (g,), for features (d,)."""
        holds = x[: len(self._count)].repeat(self._count) <= self._threshold  # a quarter of the price of a take
        code = np.packbits(holds.take(self._condition)) + self._row
        return np.add.reduceat(self._value.take(code), self._start)

    def sums(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, g) for features (n, d); row i is what `sums_of_one` gives, to rounding."""
        sums = np.empty((len(x), self.n_groups))
        size = max(_CELLS_AT_ONCE // len(self._condition), 1)
        for start in range(0, len(x), size):
            rows = slice(start, start + size)
            holds = x[rows, : len(self._count)].repeat(self._count, axis=1) <= self._threshold
            code = np.packbits(holds.take(self._condition, axis=1), axis=1) + self._row
            sums[rows] = np.add.reduceat(self._value.take(code), self._start, axis=1)
        return sums


def check(trees: Trees, *, n_features: int, n_groups: int) -> Trees:
    """The trees themselves, when they are such as `Forest` can be made of: what comes from a file is looked at once.

    Raises:
        BadModel: an array is missing or has another shape, or a number in it points to what is not there.
    """
    for fault, is_wrong in _faults(trees, n_features, n_groups):
        if is_wrong:
            raise BadModel(f"the trees of the boosted model are damaged: {fault}. Copy the model again, or train it again.")
    return trees


def _faults(trees: Trees, n_features: int, n_groups: int) -> list[tuple[str, bool]]:
    """What may be wrong, and whether it is."""
    t = trees.n_splits.size
    shapes = {"n_splits": (t,), "group": (t,), "value": (t, MAX_LEAVES)}
    for name, array in trees.save().items():
        shape, dtype = shapes.get(name, (t, MAX_SPLITS)), DTYPES[name]
        if array.shape != shape or array.dtype != dtype:
            return [(f"'{name}' is {array.dtype} of the shape {array.shape}; expected {dtype} of {shape}", True)]
    if not 0 < t <= MAX_TREES:
        return [(f"there are {t} of them; expected 1 to {MAX_TREES:,}", True)]
    used = np.arange(MAX_SPLITS) < trees.n_splits[:, np.newaxis]
    step = np.diff(trees.group, prepend=-1)
    return [
        ("a tree has too many splits", bool((trees.n_splits > MAX_SPLITS).any())),
        ("a split looks at a feature that is not there", not ((trees.feature >= 0) & (trees.feature < n_features)).all()),
        ("a split leads to what is not there", not (_is_child(trees.left, trees) & _is_child(trees.right, trees))[used].all()),
        ("a threshold or a leaf is not a finite number", not np.isfinite(np.hstack([trees.threshold, trees.value])).all()),
        ("an action has no trees", not ((step == 0) | (step == 1)).all() or step[0] != 1 or trees.group[-1] + 1 != n_groups),
    ]


def _is_child(child: NDArray[np.int8], trees: Trees) -> NDArray[np.bool_]:
    """(t, MAX_SPLITS): whether it is a later split of its tree, or one of its leaves."""
    n = trees.n_splits[:, np.newaxis].astype(np.intp)
    is_split = (child > np.arange(MAX_SPLITS)) & (child < n)
    return np.asarray(is_split | ((child < 0) & (-1 - child.astype(np.intp) <= n)))


def _leaf_of_code(trees: Trees) -> NDArray[np.intp]:
    """(t, 256): the leaf that each combination of answers leads to; the root's answer is the highest bit."""
    code = np.arange(_CODES)
    root = np.where(trees.n_splits == 0, -1, 0)[:, np.newaxis]
    node = np.broadcast_to(root, (len(trees), _CODES)).astype(np.intp)
    left, right = trees.left.astype(np.intp), trees.right.astype(np.intp)
    for _ in range(MAX_SPLITS):
        at = np.maximum(node, 0)
        is_left = (code >> (MAX_SPLITS - 1 - at)) & 1 == 1
        child = np.where(is_left, np.take_along_axis(left, at, axis=1), np.take_along_axis(right, at, axis=1))
        node = np.where(node < 0, node, child)
    return np.asarray(-1 - node)
