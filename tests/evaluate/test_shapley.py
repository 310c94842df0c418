"""Shapley values: known games, and the properties that make them the fair shares."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.evaluate.shapley import MAX_COUNTED, n_sets, shapley


def gloves(sets):
    """Part 0 is a left glove, parts 1 and 2 are right ones; a pair is worth 1."""
    return (sets[:, :1] & sets[:, 1:].any(axis=1, keepdims=True)).astype(float)


def rng():
    return np.random.default_rng(3)


def test_the_game_of_gloves_has_its_known_shares():
    found = shapley(gloves, 3, rng=rng())

    np.testing.assert_allclose(found.share[:, 0], [4 / 6, 1 / 6, 1 / 6])
    assert (found.base.tolist(), found.whole.tolist()) == ([0.0], [1.0])
    assert not found.stderr.any()


@pytest.mark.parametrize("p", [0, 1, 5, MAX_COUNTED, MAX_COUNTED + 1, 40])
def test_of_a_sum_each_part_gets_its_own_summand_however_many_there_are(p):
    summands = np.random.default_rng(p).normal(size=(p, 2))

    found = shapley(lambda sets: 5.0 + sets @ summands, p, rng=rng())

    np.testing.assert_allclose(found.share, summands, atol=1e-12)
    np.testing.assert_allclose(found.stderr, 0.0, atol=1e-12)


@pytest.mark.parametrize("p", [4, 30])
def test_what_two_parts_bring_only_together_is_halved_between_them_whether_counted_or_drawn(p):
    product = np.triu(np.random.default_rng(p).normal(size=(p, p)), 1)

    found = shapley(lambda sets: np.einsum("ci,ij,cj->c", sets * 1.0, product, sets * 1.0)[:, np.newaxis], p, rng=rng())

    np.testing.assert_allclose(found.share[:, 0], (product + product.T).sum(axis=1) / 2, atol=1e-10)


@given(st.integers(1, 12), st.integers(0, 1000))
def test_shares_sum_to_the_whole_for_any_worth(p, seed):
    table = np.random.default_rng(seed).normal(size=(2**p, 3))

    found = shapley(lambda sets: table[sets @ (1 << np.arange(p))], p, rng=rng())

    np.testing.assert_allclose(found.base + found.share.sum(axis=0), found.whole, atol=1e-9)
    np.testing.assert_allclose(found.whole, table[-1])


def test_a_part_that_changes_nothing_gets_nothing_and_equal_parts_get_the_same():
    found = shapley(lambda sets: (sets[:, 1:2] & sets[:, 2:3]) * 6.0, 3, rng=rng())

    np.testing.assert_allclose(found.share[:, 0], [0.0, 3.0, 3.0])


def test_drawn_shares_lie_within_their_error_of_the_counted_ones():
    """Twelve parts where three act together: the true share of each of the three is a third."""
    found = shapley(lambda sets: sets[:, :3].all(axis=1, keepdims=True) * 1.0, 12, rng=rng())

    assert found.stderr[:3].min() > 0
    assert np.abs(found.share[:3, 0] - 1 / 3).max() < 4 * found.stderr[:3].max()
    np.testing.assert_allclose(found.share[3:], 0.0)


@pytest.mark.parametrize("p", [3, 12, 900])
def test_no_more_sets_are_asked_than_foretold(p):
    asked = []

    def worth(sets):
        asked.append(len(sets))
        return sets.sum(axis=1, keepdims=True) * 1.0

    shapley(worth, p, rng=rng())

    assert sum(asked) <= n_sets(p)
