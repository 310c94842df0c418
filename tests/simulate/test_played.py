"""What was played, as examples: the decision's own columns, with the reward beside them."""

import numpy as np

from policyloop.core.candidates import candidates_of
from policyloop.simulate.played import examples_of
from some_events import a_decision


def test_each_decision_becomes_an_example_with_all_that_the_join_would_take_from_it():
    decisions = [a_decision("a", at=5, policy="m", is_fallback=True), a_decision("b", at=9, action=[2], propensity=0.2)]

    got = examples_of(decisions, np.array([1.0, 0.0]), k=3)

    assert (got.action.tolist(), got.reward.tolist(), got.propensity.tolist()) == ([0, 2], [1.0, 0.0], [0.5, 0.2])
    assert (got.contexts, got.candidates, got.allowed.all()) == ([{"hour": 7}] * 2, None, True)
    assert got.pmf.tolist() == [[0.5, 0.3, 0.2]] * 2
    assert (got.decided_at.tolist(), got.is_fallback.tolist(), got.policy.tolist()) == (
        [5, 9],
        [True, False],
        ["m", "baseline"],
    )


def test_nothing_played_is_no_example_of_as_many_actions():
    assert examples_of([], np.zeros(0), k=3).pmf.shape == (0, 3)


def test_candidates_come_along():
    offered = [candidates_of(["x", "y", "z"], [{}, {}, {}])]

    assert examples_of([a_decision("a")], np.ones(1), k=3, candidates=offered).candidates == offered
