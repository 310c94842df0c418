"""Limits: no event that traffic, floor and reward range allow can say more than the limits, and some say nearly as much."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.errors import BadSetting
from policyloop.evaluate.pseudo import pseudo_outcomes
from policyloop.gate.limits import ceiling_of, limits_of


def test_by_hand_with_a_canary():
    """Weights reach 1 / .1 = 10 for the challenger and 1 / .9 against it; predictions reach half of the range."""
    limits = limits_of(low=0.0, high=1.0, least_propensity=0.02, ceiling=0.5, champion_share=0.9, challenger_share=0.1)

    assert limits.below == pytest.approx(0.5 + 10 * 0.5)
    assert limits.above == pytest.approx(0.5 + 10)


def test_by_hand_where_it_is_not_known_who_served():
    """No share is known, so the floor alone limits the weights: 1 / .02 = 50 both ways. Rewards are two wide."""
    limits = limits_of(low=-1.0, high=1.0, least_propensity=0.02)

    assert limits.below == limits.above == pytest.approx(2 * 51)
    assert limits.ceiling == 1.0


def test_without_a_floor_there_is_no_limit():
    with pytest.raises(BadSetting, match="least_propensity is 0"):
        limits_of(low=0.0, high=1.0, least_propensity=0.0)


def test_the_ceiling_is_twice_the_mean_reward_within_the_range():
    assert ceiling_of(0.3, low=0.0, high=1.0) == pytest.approx(0.6)
    assert ceiling_of(0.8, low=0.0, high=1.0) == 1.0
    assert ceiling_of(-0.5, low=-1.0, high=1.0) == pytest.approx(0.0)  # .5 above the smallest reward, twice


def test_predictions_are_kept_within_the_limits_and_what_is_no_number_is_the_smallest_reward():
    limits = limits_of(low=-1.0, high=1.0, least_propensity=0.1, ceiling=0.5)

    np.testing.assert_array_equal(limits.clipped(np.array([[-3.0, 0.2, 0.9, np.nan]])), [[-1.0, 0.2, 0.5, -1.0]])


pmfs = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).filter(lambda raw: sum(raw) > 0.01)


@given(
    champion=pmfs,
    challenger=pmfs,
    predicted=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3),
    ceiling=st.floats(0.0, 1.0),
    shares=st.sampled_from([(0.9, 0.1), (0.5, 0.5), (0.8, 0.1), (1.0, 0.0), (0.0, 0.0)]),
)
def test_no_event_goes_beyond_them(champion, challenger, predicted, ceiling, shares):
    floor = 0.3

    def kept(raw):
        return (1 - floor) * np.array(raw) / sum(raw) + floor / 3

    limits = limits_of(
        low=0.0,
        high=1.0,
        least_propensity=floor / 3,
        ceiling=ceiling,
        champion_share=shares[0],
        challenger_share=shares[1],
    )
    rest = 1 - sum(shares)
    served = shares[0] * kept(champion) + shares[1] * kept(challenger) + rest * np.full(3, 1 / 3)
    moved = kept(challenger) - kept(champion)
    for action, reward in itertools.product(range(3), (0.0, 0.4, 1.0)):
        (phi,) = pseudo_outcomes(
            np.array([reward]),
            np.array([served[action]]),
            action=np.array([action]),
            moved=moved[None],
            predicted=limits.clipped(np.array([predicted])),
        )
        assert -limits.below - 1e-9 <= phi <= limits.above + 1e-9
