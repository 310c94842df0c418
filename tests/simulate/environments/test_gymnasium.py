"""Gymnasium's environments: spaces become contexts and actions, and their ends stay apart."""

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="Gymnasium is not installed; it comes with policyloop[sim]")

from policyloop.core.errors import BadSetting
from policyloop.simulate.environment import contexts_of, open_environment
from policyloop.simulate.history import play


def test_a_box_becomes_numbers_and_discrete_actions_labels():
    environment = open_environment("gymnasium", {"id": "CartPole-v1"})

    assert environment.problem.context == dict.fromkeys(["o0", "o1", "o2", "o3"], "number")
    assert environment.problem.actions.labels == ("0", "1")
    assert environment.problem.max_steps == 500


def test_discrete_observations_become_a_category():
    environment = open_environment("gymnasium", {"id": "FrozenLake-v1"})

    history = play(environment, environment.actors["random"], n_episodes=5, seed=0)

    assert contexts_of(environment.columns(history.state[:1])) == [{"seen": "0"}]
    assert (history.state.sum(axis=1) == 1).all()


def test_a_bounded_box_of_actions_keeps_its_bounds():
    environment = open_environment("gymnasium", {"id": "Pendulum-v1", "max_steps": 5})

    (torque,) = environment.problem.actions.box
    history = play(environment, environment.actors["random"], n_episodes=2, seed=0)

    assert (torque.low, torque.high) == (-2.0, 2.0)
    assert history.lengths.tolist() == [5, 5]
    assert history.truncated.sum() == 2


def test_our_pendulum_is_theirs():
    theirs = open_environment("gymnasium", {"id": "Pendulum-v1"}).start(1, rng=np.random.default_rng(0))
    ours = open_environment("pendulum").start(1, rng=np.random.default_rng(0))
    cos, sin, speed = theirs.state[0]
    ours._angle, ours._speed = np.array([np.arctan2(sin, cos)], dtype=float), np.array([speed], dtype=float)

    for torque in (1.0, -2.0, 0.3) * 30:
        theirs_moved, ours_moved = theirs.step(np.array([[torque]])), ours.step(np.array([[torque]]))
        assert ours_moved.reward[0] == pytest.approx(theirs_moved.reward[0], abs=1e-3)

    np.testing.assert_allclose(ours.state, theirs.state, atol=1e-3)


def test_an_unknown_id_says_what_gymnasium_says():
    with pytest.raises(BadSetting, match="Gymnasium does not make 'CartPool-v1'"):
        open_environment("gymnasium", {"id": "CartPool-v1"})


def test_spaces_that_are_neither_are_refused_with_the_way_out():
    with pytest.raises(BadSetting, match=r"observations are Tuple.*wrap it"):
        open_environment("gymnasium", {"id": "Blackjack-v1"})
