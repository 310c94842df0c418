"""Forest: what trees add up to, hand-worked; and what a damaged file is answered."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.errors import BadModel
from policyloop.policy.forest import MAX_LEAVES, MAX_SPLITS, Forest, Trees, check


def trees(*, group=(0, 0, 1)):
    """x[1] <= 0.5 ? 10 : (x[2] <= -1 ? 20 : 30); then 0.25 whatever x is; then x[2] <= 3 ? 1 : 2."""
    made = Trees(
        n_splits=np.array([2, 0, 1], dtype=np.uint8),
        feature=np.zeros((3, MAX_SPLITS), dtype=np.int32),
        threshold=np.zeros((3, MAX_SPLITS)),
        left=np.full((3, MAX_SPLITS), -1, dtype=np.int8),
        right=np.full((3, MAX_SPLITS), -1, dtype=np.int8),
        value=np.zeros((3, MAX_LEAVES)),
        group=np.array(group, dtype=np.int32),
    )
    made.feature[0, :2], made.threshold[0, :2] = [1, 2], [0.5, -1.0]
    made.left[0, :2], made.right[0, :2] = [-1, -2], [1, -3]
    made.value[0, :3] = [10.0, 20.0, 30.0]
    made.value[1, 0] = 0.25
    made.feature[2, 0], made.threshold[2, 0], made.right[2, 0] = 2, 3.0, -2
    made.value[2, :2] = [1.0, 2.0]
    return made


@pytest.mark.parametrize(
    ("x", "sums"),
    [
        ([1.0, 0.5, 9.0], [10.25, 2.0]),  # a number equal to the threshold goes left
        ([1.0, 0.6, -1.0], [20.25, 1.0]),
        ([1.0, 0.6, 0.0], [30.25, 1.0]),
    ],
)
def test_each_group_is_the_sum_of_the_leaves_that_its_trees_lead_to(x, sums):
    assert Forest(trees()).sums_of_one(np.array(x)).tolist() == sums


def test_many_rows_get_what_each_gets_alone():
    rows = np.random.default_rng(1).normal(size=(50, 3))
    forest = Forest(trees())

    np.testing.assert_array_equal(forest.sums(rows), [forest.sums_of_one(row) for row in rows])


def test_what_fits_passes_the_check():
    assert len(check(trees(), n_features=3, n_groups=2)) == 3


def changed(name, where, value):
    made = trees()
    getattr(made, name)[where] = value
    return made


@pytest.mark.parametrize(
    ("damaged", "fault"),
    [
        (changed("left", (0, 1), 0), "a split leads to what is not there"),  # back to the root, for ever
        (changed("right", (0, 0), -4), "a split leads to what is not there"),  # leaf 3 of 3
        (changed("right", (2, 0), 1), "a split leads to what is not there"),  # a second split where there is one
        (changed("feature", (0, 0), 3), "a split looks at a feature that is not there"),
        (changed("feature", (0, 0), -1), "a split looks at a feature that is not there"),
        (changed("n_splits", 0, 9), "a tree has too many splits"),
        (changed("value", (0, 0), np.nan), "a threshold or a leaf is not a finite number"),
        (trees(group=(0, 0, 2)), "an action has no trees"),
        (trees(group=(1, 1, 1)), "an action has no trees"),
        (trees(group=(0, 0, 0)), "an action has no trees"),
        (replace(trees(), value=np.zeros((3, 2))), "'value' is float64 of the shape (3, 2); expected float64 of (3, 9)"),
        (replace(trees(), left=np.zeros((3, MAX_SPLITS))), "'left' is float64 of the shape (3, 8); expected int8 of (3, 8)"),
        (Trees(*(array[:0] for array in trees().save().values())), "there are 0 of them; expected 1 to 200,000"),
    ],
)
def test_damaged_trees_are_refused_before_they_are_asked(damaged, fault):
    with pytest.raises(BadModel) as refused:
        check(damaged, n_features=3, n_groups=2)

    assert fault in refused.value.message
    assert refused.value.message.endswith("Copy the model again, or train it again.")
