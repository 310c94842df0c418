"""Boosted models: lines and trees together, their draws, and what a damaged file is answered."""

import numpy as np
import pytest

from policyloop.core.errors import BadModel
from policyloop.core.policy import Pairs
from policyloop.policy.forest import MAX_LEAVES, MAX_SPLITS, Forest, Trees
from policyloop.policy.policies import boosted
from policyloop.policy.shared_linear import Weights, create


def steps(n_groups, feature):
    """A tree a group: group g adds g + 1 where the feature is above 0."""
    value = np.zeros((n_groups, MAX_LEAVES))
    value[:, 1] = np.arange(1, n_groups + 1)
    right = np.full((n_groups, MAX_SPLITS), -1, dtype=np.int8)
    right[:, 0] = -2
    return Trees(
        n_splits=np.ones(n_groups, dtype=np.uint8),
        feature=np.full((n_groups, MAX_SPLITS), feature, dtype=np.int32),
        threshold=np.zeros((n_groups, MAX_SPLITS)),
        left=np.full((n_groups, MAX_SPLITS), -1, dtype=np.int8),
        right=right,
        value=value,
        group=np.arange(n_groups, dtype=np.int32),
    )


WEIGHTS = np.array([[0.5, 1.0], [0.0, -1.0]])


def test_an_action_is_expected_to_bring_its_weighted_sum_and_what_its_trees_add():
    model = boosted.Boosted(WEIGHTS, None, Forest(steps(2, 1)), -np.inf)

    assert model.predict(np.array([1.0, 2.0])).mean.tolist() == [0.5 + 2.0 + 1.0, -2.0 + 2.0]
    assert model.predict(np.array([1.0, -2.0])).mean.tolist() == [-1.5, 2.0]


def test_no_action_is_expected_to_bring_less_than_the_lowest():
    model = boosted.Boosted(WEIGHTS, None, Forest(steps(2, 1)), 0.0)

    assert model.predict(np.array([1.0, -2.0])).mean.tolist() == [0.0, 2.0]


def test_draws_differ_in_the_weights_and_share_the_trees():
    draws = np.stack([WEIGHTS, WEIGHTS + 1.0])
    model = boosted.Boosted(WEIGHTS, draws, Forest(steps(2, 1)), -np.inf)

    prediction = model.predict(np.array([1.0, 2.0]))

    assert prediction.draws.tolist() == [[3.5, 0.0], [6.5, 3.0]]


def shared(draws=None):
    weights = Weights(np.array([[0.5, 0.0], [0.0, 2.0]]), np.zeros((2, 2)), np.zeros((0, 1)))
    return boosted.BoostedShared(create(weights, draws=draws), Forest(steps(1, 3)), 4)


def test_a_candidate_gets_the_lines_of_candidates_and_what_the_trees_add():
    pairs = Pairs(np.array([[1.0, 3.0]]), np.zeros(2, dtype=np.intp), np.array([[1.0, 2.0], [1.0, -2.0]]), np.full(2, -1))

    assert shared().predict_pairs(pairs).mean.tolist() == [0.5 + 12.0 + 1.0, 0.5 - 12.0]  # feature 3 is the candidate's second


def test_a_model_of_candidates_is_the_same_once_loaded():
    settings, tensors = shared().save()
    rng = np.random.default_rng(2)
    pairs = Pairs(rng.normal(size=(3, 2)), np.array([0, 0, 1, 2]), rng.normal(size=(4, 2)), np.full(4, -1))

    loaded = boosted.load_shared(settings, tensors)

    np.testing.assert_array_equal(loaded.predict_pairs(pairs).mean, shared().predict_pairs(pairs).mean)


def saved():
    return boosted.Boosted(WEIGHTS, np.stack([WEIGHTS]), Forest(steps(2, 1)), 0.0).save()


@pytest.mark.parametrize(
    ("name", "tensor", "told"),
    [
        ("weights", None, "a boosted model needs the tensor 'weights', a row an action"),
        ("threshold", None, "a boosted model needs the tensor 'threshold'"),
        ("weights", np.full((2, 2), np.inf), "the weights of the boosted model are not all finite"),
        ("weights", np.zeros((2, 1)), "the draws of the boosted model have the shape (1, 2, 2); expected (s, 2, 1)"),
        ("feature", np.full((2, MAX_SPLITS), 2, dtype=np.int32), "a split looks at a feature that is not there"),
    ],
)
def test_a_damaged_file_is_refused(name, tensor, told):
    settings, tensors = saved()
    damaged = {key: value for key, value in tensors.items() if key != name} | ({} if tensor is None else {name: tensor})

    with pytest.raises(BadModel) as refused:
        boosted.load(settings, damaged)

    assert told in refused.value.message


def test_a_model_of_candidates_without_its_width_is_refused():
    _, tensors = shared().save()

    with pytest.raises(BadModel, match="needs the setting 'n_features'"):
        boosted.load_shared({}, tensors)
