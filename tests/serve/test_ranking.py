"""A ranking: drawn without replacement from one pmf, the first place being the decision."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.rng import draw, keyed_uniform
from policyloop.serve.ranking import ranking

SALT = bytes(range(32))


def of(pmf, n, decision="d", allowed=None):
    def uniform(stream):
        return keyed_uniform(SALT, "loop", decision, stream)

    return ranking(pmf, draw(pmf, uniform("action")), n, uniform=uniform, allowed=allowed)


def test_by_hand():
    # the first is 2; of the rest .2 and .3, u = .5 falls at .25 of .5: beyond .2, so it is 1; then 0 is left
    assert ranking([0.2, 0.3, 0.5], 2, 3, uniform=lambda stream: 0.5, allowed=None) == [2, 1, 0]


def test_the_second_place_follows_what_the_first_left():
    seen = Counter(tuple(of([0.5, 0.3, 0.2], 2, decision=str(n))) for n in range(20_000))

    # Plackett-Luce: p(a, b) = p_a p_b / (1 - p_a)
    for (a, b), p in {(0, 1): 0.5 * 0.3 / 0.5, (1, 0): 0.3 * 0.5 / 0.7, (2, 1): 0.2 * 0.3 / 0.8}.items():
        assert abs(seen[a, b] / 20_000 - p) < 4 * (p * (1 - p) / 20_000) ** 0.5


def test_what_is_not_allowed_is_never_ranked_and_the_rest_follows_in_order_where_nothing_is_left():
    assert of([1.0, 0.0, 0.0, 0.0], 4, allowed=[True, False, True, True]) == [0, 2, 3]
    assert of([1.0, 0.0, 0.0], 3) == [0, 1, 2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).filter(lambda p: sum(p) > 0), st.integers(1, 14))
def test_each_place_has_another_candidate(weights, n):
    pmf = [w / sum(weights) for w in weights]

    places = of(pmf, n)

    assert len(places) == min(n, len(pmf))
    assert len(set(places)) == len(places)


def test_the_same_decision_is_ranked_alike():
    assert of([0.1] * 10, 10) == of([0.1] * 10, 10)
    assert of([0.1] * 10, 10) != of([0.1] * 10, 10, decision="e")


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_longer_ranking_begins_like_a_shorter_one(n):
    assert of([0.1] * 10, 10)[:n] == of([0.1] * 10, n)
