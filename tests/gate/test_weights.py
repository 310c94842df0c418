"""Weights: they average 1 where the log is true, and where they do not, it is told for whom."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.gate.checks.truth import Drawn
from policyloop.gate.checks.weights import Weights, begin, update
from policyloop.gate.verdict import Call

LOGGED = np.array([0.7, 0.2, 0.1])
CHALLENGER = np.array([0.1, 0.2, 0.7])


def events(served, n, *, seed=1, logged=LOGGED, **others):
    action = np.random.default_rng(seed).choice(3, size=n, p=served)
    pmfs = {role: np.tile(pmf, (n, 1)) for role, pmf in others.items()}
    return Drawn(action=action, pmf=np.tile(logged, (n, 1)), allowed=np.ones((n, 3), dtype=bool), others=pmfs)


def test_of_a_true_log_the_mean_is_one():
    reason = update(begin(), events(LOGGED, 20_000, challenger=CHALLENGER, champion=LOGGED)).reason()

    assert reason.call == Call.PROMOTE
    assert reason.numbers["mean_champion"] == pytest.approx(1.0)
    assert abs(reason.numbers["mean_challenger"] - 1) < 0.06
    assert reason.sentence.startswith("The mean weight is ")


@pytest.mark.parametrize(("served", "mean"), [((0.6, 0.2, 0.2), 1.69), ((0.75, 0.2, 0.05), 0.66)])
def test_a_mean_above_or_below_one_is_an_alarm(served, mean):
    reason = update(begin(), events(served, 5000, challenger=CHALLENGER)).reason()

    assert reason.call == Call.REFUSE
    assert reason.numbers["mean_challenger"] == pytest.approx(mean, abs=0.1)  # sum of served times challenger / logged
    assert "every estimate is shifted" in reason.sentence


def test_without_models_there_is_nothing_to_say():
    weights = update(begin(), events(LOGGED, 10))

    assert weights == begin()
    assert weights.reason().sentence == "No decision tells yet what challenger or champion would have done."


def test_what_the_log_can_never_show_is_no_fault_of_the_propensities():
    blind = np.array([0.8, 0.2, 0.0])

    weights = update(begin(), events(blind, 5000, logged=blind, challenger=CHALLENGER))

    assert not weights.wealth.is_alarm


@given(seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_no_bet_grows_on_average(seed):
    rng = np.random.default_rng(seed)
    pmf = rng.dirichlet(np.ones(3))
    others = {"challenger": rng.dirichlet(np.full(3, 0.3)), "champion": rng.dirichlet(np.ones(3))}

    after = np.zeros(len(begin().wealth.stakes))
    for action in range(3):
        drawn = Drawn(
            action=np.array([action]),
            pmf=pmf[np.newaxis],
            allowed=np.ones((1, 3), dtype=bool),
            others={role: its[np.newaxis] for role, its in others.items()},
        )
        after += pmf[action] * np.exp(update(begin(), drawn).wealth.stakes)

    np.testing.assert_allclose(after, np.exp(begin().wealth.stakes), rtol=1e-9)


def test_it_comes_back_from_json():
    weights = update(begin(), events(LOGGED, 100, challenger=CHALLENGER))

    assert Weights.from_mapping(json.loads(json.dumps(weights.to_mapping()))) == weights
