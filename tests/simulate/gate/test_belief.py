"""A belief: means of earlier events, shrunk a little."""

import numpy as np
import pytest

from policyloop.simulate.gate.belief import Belief
from policyloop.simulate.gate.world import Events


def events(cell, action, reward, predicted=None):
    n = len(cell)
    pmf = np.full((n, 2), 0.5)
    return Events(
        cell=np.array(cell),
        action=np.array(action),
        reward=np.array(reward, dtype=np.float64),
        pmf=pmf,
        champion_pmf=pmf,
        challenger_pmf=pmf,
        predicted=predicted,
    )


def test_the_means_by_hand():
    """Two rewards in four events: each pair begins as one event of .5."""
    belief = Belief(2, 2)
    belief.learn(events([0, 0, 0, 1], [0, 0, 1, 1], [1, 1, 0, 0]))

    assert belief.mean == 0.5
    np.testing.assert_allclose(belief.table, [[2.5 / 3, 0.5 / 2], [0.5, 0.5 / 2]])


def test_what_a_world_predicts_itself_is_taken():
    told = np.array([[0.1, 0.2]])

    assert Belief(1, 2).predicted(events([0], [0], [1], predicted=told)) is told


def test_before_the_first_event_nothing_is_expected():
    np.testing.assert_array_equal(Belief(1, 2).predicted(events([0], [0], [1])), [[0.0, 0.0]])
    assert Belief(1, 2).mean == pytest.approx(0.0)
