"""What is expected of a label in a loop with episodes: answered, logged and made again, of the very action that was taken."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from front_page import CONTEXT
from policyloop.core.errors import Invalid
from policyloop.core.event import decode, encode, kind_of
from policyloop.core.spec_file import read_spec
from policyloop.core.state import StateEncoder
from policyloop.core.wire import DecideRequest
from policyloop.policy.onnx_network import OnnxNetwork
from policyloop.policy.policies.network import random_network
from policyloop.policy.scored import ScoredPolicy, explorer_of
from policyloop.policy.support import support_of, support_tensors
from policyloop.serve.aligned import aligned
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from policyloop.serve.replay import replay
from served import HandClock, MemoryLog, some_model, traffic_of
from served import decider_of as bandit_decider

SALT, MODEL = bytes(range(32)), "m" * 32
LABELS = ("left", "stay", "right")
LOOP = {
    "loop": "corridor",
    "context": {"x": "number", "v": "number"},
    "actions": {"kind": "discrete", "labels": list(LABELS)},
    "episodes": {"max_steps": 100},
    "outcomes": {},
    "reward": {"expression": "next.x", "range": [-1, 1]},
    "baseline": "stay",
    "learner": {"name": "cql_discrete"},
    "explore": {"name": "softmax", "floor": 0.1},
}
SPEC = read_spec(LOOP)
STATE = {"x": 0.3, "v": -0.5}


def policy_of(seed=0, *, support=None):
    encoder = StateEncoder.of(SPEC.context.values())
    network = random_network(head="scores", state_shape=encoder.shape, n_outputs=3, rng=np.random.default_rng(seed))
    explorer = explorer_of("softmax", {}, n_examples=100, reward_span=2.0)
    return ScoredPolicy(encoder, OnnxNetwork(network), explorer, 0.1, 3, support), network


POLICY, NETWORK = policy_of()
SCORES = NETWORK.scores(np.float32([[0.3, -0.5]]))[0]


def decider_of(policy=POLICY, *, spec=SPEC, log=None, traffic=None):
    name = "baseline" if policy is None else MODEL
    live = live_of(spec, salt=SALT, policy=policy, name=name, traffic=traffic)
    return Decider(live, clock=HandClock(), append=(log or MemoryLog()).append)


def ask(step=0, **request):
    return DecideRequest(**{"context": STATE, "episode_id": "e1", "step": step, "decision_id": f"d{step}", **request})


def test_the_answer_and_the_log_say_what_the_network_expects_of_the_action_that_was_taken():
    log = MemoryLog()
    decider = decider_of(log=log)

    answers = [decider.decide(ask(step)).answer for step in range(30)]

    assert {answer.action for answer in answers} == set(LABELS)  # each of them, so that none is told of another
    for answer, event in zip(answers, log.events, strict=True):
        assert answer.action_value_estimate == pytest.approx(SCORES[LABELS.index(answer.action)], abs=1e-5)
        assert event.action_value_estimate == answer.action_value_estimate


def test_without_exploring_it_is_the_highest_of_the_scores():
    answer = decider_of().decide(ask(explore=False)).answer

    assert answer.action == LABELS[SCORES.argmax()]
    assert answer.action_value_estimate == pytest.approx(SCORES.max(), abs=1e-5)


def test_the_same_decision_is_made_again_with_the_same_expectation():
    event = decider_of().decide(ask()).event
    stored = decode(kind_of(event), encode(event))

    again = replay(stored, SPEC, salt=SALT, policies={MODEL: POLICY})

    assert (again.agrees, again.is_estimate_alike) == (True, True)


def test_an_expectation_that_the_model_does_not_have_is_told_by_the_replay():
    event = msgspec.structs.replace(decider_of().decide(ask()).event, action_value_estimate=float(SCORES.max()) + 1.0)

    again = replay(event, SPEC, salt=SALT, policies={MODEL: POLICY})

    assert not again.agrees
    assert "The logged return that was expected of the action is not the one that the model expects." in again.sentences()
    assert replay(event, SPEC, salt=SALT).is_estimate_alike is None  # without the model nobody can tell


def test_the_baseline_expects_nothing():
    outside = support_of(support_tensors(np.float32([[5, 5], [6, 6]])))

    alone = decider_of(None).decide(ask())
    standing_in = decider_of(policy_of(support=outside)[0]).decide(ask())

    for decided in (alone, standing_in):
        assert decided.event.action_value_estimate is None
        assert decided.answer.action_value_estimate is msgspec.UNSET


def test_of_two_sides_the_one_that_decided_says_what_it_expects():
    other, its_network = policy_of(seed=1)
    its_scores = its_network.scores(np.float32([[0.3, -0.5]]))[0]
    traffic = replace(traffic_of(other, share=0.5), is_sticky=True)
    decider = decider_of(traffic=traffic)

    events = [decider.decide(ask(0, episode_id=f"e{i}", decision_id=f"d{i}")).event for i in range(40)]

    assert {event.side for event in events} == {"champion", "challenger"}
    for event in events:
        scores = SCORES if event.side == "champion" else its_scores
        assert event.action_value_estimate == pytest.approx(scores[event.action[0]], abs=1e-5)


def test_a_label_that_came_after_the_model_is_expected_nothing_of():
    spec = read_spec({**LOOP, "actions": {"kind": "discrete", "labels": ["jump", *LABELS]}})
    policy = aligned(POLICY, LABELS, spec)

    expected = [policy.action_value(STATE, place) for place in range(4)]

    assert expected[0] is None
    np.testing.assert_allclose(expected[1:], SCORES, atol=1e-5)


def test_a_bandit_expects_no_return_whether_its_loop_has_episodes_or_not():
    decided = bandit_decider(some_model()).decide(DecideRequest(context=CONTEXT))

    assert decided.event.action_value_estimate is None
    assert decided.answer.action_value_estimate is msgspec.UNSET
    assert some_model().action_value({}, 0) is None


@pytest.mark.parametrize("masked", [{"mask": [True, False, True]}, {"exclude": ["stay"]}])
def test_a_label_that_is_not_allowed_is_never_taken_and_the_pmf_says_so(masked):
    decider = decider_of()

    decided = [decider.decide(ask(step, **masked)) for step in range(30)]

    for one in decided:
        assert one.answer.action != "stay"
        assert one.event.probabilities()[1] == 0.0
        assert sum(one.event.probabilities()) == pytest.approx(1.0)
        assert one.event.mask == [True, False, True]
        assert replay(one.event, SPEC, salt=SALT, policies={MODEL: POLICY}).agrees


def test_without_exploring_the_highest_of_those_allowed_is_taken():
    best = LABELS[SCORES.argmax()]

    answer = decider_of().decide(ask(explore=False, exclude=[best])).answer

    assert answer.action == LABELS[np.where(np.arange(3) == SCORES.argmax(), -np.inf, SCORES).argmax()]


def test_a_baseline_that_is_not_allowed_takes_another():
    answers = {decider_of(None).decide(ask(step, exclude=["stay"])).answer.action for step in range(20)}

    assert "stay" not in answers


@pytest.mark.parametrize(
    ("masked", "told"),
    [
        ({"mask": [True, False]}, "has 2 entries; expected 3, one per action in this order: 'left', 'stay', 'right'."),
        ({"mask": [False, False, False]}, "leaves no action"),
        ({"exclude": ["up"]}, "'up'"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_in_a_loop_with_episodes_too(masked, told):
    with pytest.raises(Invalid, match=told):
        decider_of().decide(ask(**masked))
