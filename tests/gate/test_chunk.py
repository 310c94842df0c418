"""A chunk: what events say about a challenger, worked out by hand."""

import math

import numpy as np
import pytest

from policyloop.core.errors import BadPropensity, Invalid
from policyloop.gate.chunk import chunk_of
from policyloop.gate.evidence import begin, update
from policyloop.gate.limits import limits_of

CHAMPION, CHALLENGER = np.array([0.8, 0.2]), np.array([0.2, 0.8])
LIMITS = limits_of(low=0.0, high=1.0, least_propensity=0.2, ceiling=0.5)


def chunk(*, action, reward, propensity=0.5, predicted=(0.25, 0.75)):
    return chunk_of(
        np.array([reward]),
        np.array([propensity]),
        action=np.array([action]),
        challenger_pmf=CHALLENGER[None],
        champion_pmf=CHAMPION[None],
        predicted=np.array([predicted]),
        limits=LIMITS,
    )


def test_the_pseudo_outcome_by_hand_with_predictions_below_the_ceiling():
    """Moved (-.6, .6), predictions (.25, .5): .15 believed; the weight of the event is .6 / .5, and it was .5 better."""
    got = chunk(action=1, reward=1.0)

    assert got.phi.tolist() == pytest.approx([0.15 + 1.2 * 0.5])
    assert got.weight.tolist() == pytest.approx([0.8 / 0.5])


def test_an_event_tells_the_two_apart_when_its_action_is_the_challengers_favourite_and_not_the_champions():
    assert chunk(action=1, reward=0.0).is_telling.tolist() == [True]
    assert chunk(action=0, reward=0.0).is_telling.tolist() == [False]


def test_a_propensity_that_is_none_is_refused():
    with pytest.raises(BadPropensity, match=r"propensity\[0\] is 0"):
        chunk(action=1, reward=1.0, propensity=0.0)


@pytest.mark.parametrize("bad", [[0.2, 0.7], [-0.1, 1.1], [math.nan, 1.0]])
def test_probabilities_that_are_none_are_refused_with_their_row(bad):
    with pytest.raises(Invalid, match=r"champion_pmf\[1\]: is \[.*\]; expected probabilities that sum to 1"):
        chunk_of(
            np.zeros(2),
            np.full(2, 0.5),
            action=np.zeros(2, dtype=np.int64),
            challenger_pmf=np.array([CHALLENGER, CHALLENGER]),
            champion_pmf=np.array([CHAMPION, bad]),
            predicted=np.zeros((2, 2)),
            limits=LIMITS,
        )


def test_a_reward_that_is_no_number_is_refused_with_its_row():
    chunk_with_nan = chunk(action=1, reward=math.nan)

    with pytest.raises(Invalid, match=r"phi\[0\]: is nan"):
        update(begin(LIMITS), chunk_with_nan, limits=LIMITS)
