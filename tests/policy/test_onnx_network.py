"""A network as it serves: each thread gets its own answers, near to NumPy's, and what is no number is refused."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import BadModel
from policyloop.policy.onnx_network import OnnxNetwork
from policyloop.policy.policies.network import random_network

BOXES = ("tanh", "tanh_gaussian", "gaussian")
N_THREADS, N_TURNS = 8, 300


def network(head, *, width=32, seed=3, **given):
    return random_network(head=head, state_shape=(5,), n_outputs=2, rng=np.random.default_rng(seed), width=width, **given)


def states(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32)


NETWORKS = {head: network(head) for head in (*BOXES, "scores")}
SERVED = {head: OnnxNetwork(made) for head, made in NETWORKS.items()}


@pytest.mark.parametrize("head", BOXES)
@given(seed=st.integers(0, 2**32 - 1), wide=st.floats(0.01, 30.0))
@settings(max_examples=25, deadline=None)
def test_what_is_wanted_and_expected_of_any_state_is_what_the_network_says(head, seed, wide):
    whole, served = NETWORKS[head], SERVED[head]
    state = states(1, seed) * np.float32(wide)
    action = np.random.default_rng(seed).uniform(-1, 1, size=(1, 2)).astype(np.float32)

    wanted = served.wanted(state[0])

    np.testing.assert_allclose(wanted.action, whole.act(state)[0], atol=1e-5)
    expected = whole.value(state, action)[0]
    assert served.value(state[0], action[0].tolist()) == pytest.approx(
        expected, rel=1e-5, abs=1e-5 * whole.settings["reward_scale"]
    )


def test_an_answer_does_not_depend_on_what_was_asked_before():
    served, (one, other) = SERVED["tanh_gaussian"], states(2)
    before = served.wanted(one), served.value(one, [0.1, -0.2])

    served.wanted(other)
    served.value(other, [0.9, 0.9])

    now = served.wanted(one), served.value(one, [0.1, -0.2])
    assert (now[0].action, now[0].location, now[0].deviation) == (before[0].action, before[0].location, before[0].deviation)
    assert now[1] == before[1]


def test_many_threads_that_ask_one_network_get_their_own_answers_each():
    served, of_thread = OnnxNetwork(network("tanh_gaussian", width=128)), states(N_THREADS)
    actions = np.random.default_rng(4).uniform(-1, 1, size=(N_THREADS, 2)).tolist()
    alone = [
        (served.wanted(state).action, served.value(state, action)) for state, action in zip(of_thread, actions, strict=True)
    ]
    together = threading.Barrier(N_THREADS)

    def asked(i):
        together.wait()
        return {(tuple(served.wanted(of_thread[i]).action), served.value(of_thread[i], actions[i])) for _ in range(N_TURNS)}

    with ThreadPoolExecutor(N_THREADS) as pool:
        answers = list(pool.map(asked, range(N_THREADS)))

    assert answers == [{(tuple(action), value)} for action, value in alone]


def test_many_threads_that_score_labels_get_their_own_scores_each():
    served, of_thread = OnnxNetwork(network("scores", width=128)), states(N_THREADS)
    alone = [tuple(served.predict(state).mean.tolist()) for state in of_thread]
    together = threading.Barrier(N_THREADS)

    def asked(i):
        together.wait()
        return {tuple(served.predict(of_thread[i]).mean.tolist()) for _ in range(N_TURNS)}

    with ThreadPoolExecutor(N_THREADS) as pool:
        answers = list(pool.map(asked, range(N_THREADS)))

    assert answers == [{scores} for scores in alone]


def test_scores_handed_out_are_not_changed_by_the_next_question():
    served = SERVED["scores"]
    first = served.predict(states(3)).mean
    kept = first.copy()

    served.predict(states(3, seed=9))

    np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("head", BOXES)
@pytest.mark.parametrize("wild", [math.nan, math.inf, -math.inf])
def test_a_state_that_is_no_number_is_refused(head, wild):
    state = states(1)[0]
    state[2] = wild

    with pytest.raises(BadModel, match="answers no number for this context"):
        SERVED[head].wanted(state)


def test_the_value_of_a_state_that_is_no_number_is_no_number():
    state = states(1)[0]
    state[0] = math.nan

    assert math.isnan(SERVED["tanh"].value(state, [0.0, 0.0]))
    assert not math.isfinite(SERVED["tanh"].value(states(1)[0], [math.inf, 0.0]))


def test_a_refused_state_leaves_nothing_behind_for_the_next():
    served, state = SERVED["tanh_gaussian"], states(1)[0]
    before = served.wanted(state).action

    with pytest.raises(BadModel):
        served.wanted(np.full(5, np.nan, np.float32))

    assert served.wanted(state).action == before


def test_a_board_of_bytes_is_scored_as_the_network_does():
    board = random_network(head="scores", state_shape=(2, 4, 3), n_outputs=3, rng=np.random.default_rng(1), channels=(4,))
    cells = np.random.default_rng(2).integers(0, 2, size=(5, 2, 4, 3)).astype(np.uint8)

    np.testing.assert_allclose(OnnxNetwork(board).predict(cells).mean, board.scores(cells), atol=1e-5)
