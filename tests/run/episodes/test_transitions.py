"""From decisions over the log to what a learner of episodes sees: drawn, replaced, ended, shipped, joined and read."""

import numpy as np
import pytest

from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.log.writer import LogWriter
from policyloop.run.by_hand import join_by_hand
from policyloop.run.episodes.transitions import transitions_of
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of

ROVER = """
loop: rover
context: {x: number, on_road: boolean}
actions: {kind: tuple, parts: {gear: [low, high], throttle: {min: 0, max: 1}}}
episodes: {discount: 0.95}
outcomes: {}
reward: {expression: next.x - x - 0.1 * throttle + gear, range: [-10, 10]}
baseline: uniform
"""


class Rover:
    """The loop in a deployment, decided by its baseline."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.spec = read_spec(ROVER)
        deployment.registry.apply(self.spec)
        self.log = LogWriter(deployment.home.log, clock=deployment.clock)
        live = live_of(self.spec, salt=deployment.registry.salt)
        self.decider = Decider(live, clock=deployment.clock, append=self.log.append)
        self.answers = []

    def decide(self, episode, step, x):
        request = DecideRequest(context={"x": x, "on_road": True}, episode_id=episode, step=step)
        self.answers.append(self.decider.decide(request).answer)

    def report(self, answer, **said):
        request = OutcomeRequest(decision_id=answer.decision_id, outcomes={}, **said)
        self.log.append(outcome(request, self.decider.checks, received_at=self.deployment.clock.now_us()).event)


@pytest.fixture
def rover(deployment):
    rover = Rover(deployment)
    yield rover
    rover.log.close()


def test_a_learner_sees_what_was_done_and_what_came_of_it(rover, deployment):
    for step, x in enumerate([0.0, 1.0, 3.0]):
        rover.decide("first", step, x)
    rover.report(rover.answers[1], executed={"gear": "high", "throttle": 0.25})
    rover.report(rover.answers[2], terminated=True, next_context={"x": 4.5, "on_road": False})
    rover.decide("second", 0, 7.0)  # goes on, so it is not there yet
    rover.log.close()

    assert join_by_hand(deployment, rover.spec)
    found, snapshot = transitions_of(deployment, rover.spec, is_with_ids=True)

    assert found.n_episodes == 1
    assert list(found.decision_id) == [answer.decision_id for answer in rover.answers[:3]]
    np.testing.assert_array_equal(found.state, np.array([[0, 1], [1, 1], [3, 1]], np.float32))
    np.testing.assert_array_equal(found.next_state, np.array([[1, 1], [3, 1], [4.5, 0]], np.float32))
    np.testing.assert_array_equal(found.terminated, [False, False, True])
    assert not found.truncated.any()
    assert (found.action[1].tolist(), found.action_value[1].tolist()) == ([1], [0.25])
    assert found.propensity_kind[1] == "unknown"
    assert np.isnan(found.propensity[1])
    assert found.propensity_kind[0] in ("density", "mixed")
    np.testing.assert_allclose(found.reward[1], 3.0 - 1.0 - 0.025 + 1, rtol=1e-6)
    gear = [rover.answers[i].values["gear"] == "high" for i in (0, 2)]
    assert found.action[[0, 2], 0].tolist() == [int(is_high) for is_high in gear]
    assert {answer.split for answer in rover.answers[:3]} == set(found.split)
    assert "transitions" in snapshot
