"""Calibration: each action comes as often as logged, or it is named."""

import json

import numpy as np
import pytest

from policyloop.gate.checks.calibration import Calibration, begin, update
from policyloop.gate.checks.truth import Drawn
from policyloop.gate.verdict import Call

LABELS = ("calm", "bold", "playful")


def events(served, logged, n, *, seed=1):
    k = len(logged)
    action = np.random.default_rng(seed).choice(k, size=n, p=served)
    return Drawn(action=action, pmf=np.tile(logged, (n, 1)), allowed=np.ones((n, k), dtype=bool), others={})


def test_an_action_that_is_left_out_is_named_with_its_numbers():
    reason = update(begin(3), events([0.7, 0.3, 0.0], [0.6, 0.3, 0.1], 2000)).reason(LABELS)

    assert reason.call == Call.REFUSE
    assert reason.sentence.startswith(
        "Action 'playful' was taken 0 times in 2,000 decisions; the logged probabilities say 200."
    )
    assert (reason.numbers["came"], reason.numbers["expected"]) == (0.0, pytest.approx(200.0))


def test_a_true_log_is_calibrated():
    reason = update(begin(3), events([0.6, 0.3, 0.1], [0.6, 0.3, 0.1], 20_000)).reason(LABELS)

    assert reason.call == Call.PROMOTE
    assert reason.sentence == "In 20,000 decisions every action came about as often as logged."


def test_a_candidate_is_named_by_its_place():
    served, logged = np.full(4, 0.25), np.array([0.4, 0.2, 0.2, 0.2])

    assert "Action at place 0 was taken" in update(begin(0), events(served, logged, 3000)).reason(()).sentence


@pytest.mark.parametrize("k", [33, 200])
def test_of_very_many_actions_those_beyond_are_one(k):
    even = np.full(k, 1 / k)

    calibration = update(begin(k), events(even, even, 3000))

    assert len(calibration.came) == 32
    assert sum(calibration.came) == 3000
    assert calibration.expected[-1] == pytest.approx(3000 * (k - 31) / k)
    assert not calibration.wealth.is_alarm


def test_sets_of_different_sizes_follow_one_another():
    small = update(begin(0), events([0.5, 0.5], [0.5, 0.5], 1000))
    larger = update(small, events(np.full(5, 0.2), np.full(5, 0.2), 1000))

    assert larger.expected[:3] == pytest.approx((700.0, 700.0, 200.0))
    assert not larger.wealth.is_alarm


def test_it_comes_back_from_json():
    calibration = update(begin(3), events([0.6, 0.3, 0.1], [0.6, 0.3, 0.1], 100))

    assert Calibration.from_mapping(json.loads(json.dumps(calibration.to_mapping()))) == calibration
