"""A chunk: what events say about a challenger, worked out by hand."""

import numpy as np
import pytest

from policyloop.core.errors import BadPropensity
from policyloop.gate.chunk import chunk_of
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
