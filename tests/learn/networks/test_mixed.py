"""Labels beside numbers: what is learned is the known best action, and the arithmetic of it is that of a hand calculation."""

import math

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

import jax.numpy as jnp

from gearbox import ACTIONS, best, driven
from policyloop.core import plugins
from policyloop.core.errors import Invalid
from policyloop.learn.networks.mixed import likeliest, log_chance, parted
from policyloop.learn.networks.rows import rows_of
from policyloop.learn.train import LEARNERS

SMALL = {"width": 64, "depth": 1, "batch": 64, "learning_rate": 3e-3}
STATES = np.random.default_rng(9).uniform(-1, 1, (4000, 2)).astype(np.float32)


def learned(name, history, *, n_updates, **settings):
    plugin = plugins.load(LEARNERS, name)
    learner = plugin.create_episodic(history, driven(40, seed=2), actions=ACTIONS, seed=1, **{**SMALL, **settings})
    learner.advance(n_updates)
    return learner


@pytest.fixture(scope="module")
def from_random_driving():
    return learned("iql", driven(600, seed=1), n_updates=500, weight_temperature=10.0)


def test_iql_finds_the_best_gear_and_throttle_in_what_was_done_at_random(from_random_driving):
    gears, throttle = best(STATES)

    action = from_random_driving.policy().act(STATES)

    assert (action[:, 0] == gears).mean() >= 0.95
    assert np.abs(action[:, 1] - throttle).mean() < 0.05  # of a width of 1
    assert np.abs(action[:, 1] - throttle).max() < 0.2


def test_iql_expects_more_of_the_right_gear_than_of_the_wrong_ones(from_random_driving):
    policy, (gears, throttle) = from_random_driving.policy(), best(STATES)

    right, wrong = (policy.value(STATES, np.stack([gear, throttle], axis=1)) for gear in (gears, (gears + 1) % 3))

    # what comes next is the same; in truth they are 1 apart
    assert 0.5 < (right - wrong).mean() < 1.5


def test_the_probabilities_of_labels_are_part_of_the_policy(from_random_driving):
    (gear,) = from_random_driving.policy().chances(STATES)

    np.testing.assert_allclose(gear.sum(axis=1), 1.0, rtol=1e-12)
    assert (gear.argmax(axis=1) == from_random_driving.policy().act(STATES)[:, 0]).all()
    right = gear[np.arange(len(STATES)), best(STATES)[0]]
    assert right.mean() > 0.7  # of a history in which it is 1/3


def test_bc_does_what_an_expert_did():
    gears, throttle = best(STATES)

    action = learned("bc", driven(600, seed=3, gears="right"), n_updates=500).policy().act(STATES)

    assert (action[:, 0] == gears).mean() >= 0.95
    assert np.abs(action[:, 1] - throttle).mean() < 0.05


def test_an_action_is_told_as_a_one_at_its_label_and_its_number_in_the_box():
    history = driven(1, seed=0, n_steps=4)

    rows = rows_of(history, ACTIONS)

    labels, numbers = parted(np.asarray(rows.action), (3,))
    np.testing.assert_array_equal(labels, np.eye(3)[history.action[:, 0]])
    np.testing.assert_allclose(numbers, 2 * history.action_value - 1, atol=1e-6)
    np.testing.assert_array_equal(rows.next_action[:-1], rows.action[1:])


def test_a_place_where_no_label_is_is_a_fault_of_the_history():
    history = driven(4, seed=0)
    history.action[7] = 3

    with pytest.raises(Invalid, match=r"row 7, action: .* is not among the loop's labels"):
        rows_of(history, ACTIONS)


def test_parts_are_likely_by_a_softmax_each():
    # two parts: odds of 1 : 3, and of 1 : 1 : 2
    scores = jnp.log(jnp.array([[1.0, 3.0, 1.0, 1.0, 2.0]]))
    taken = jnp.array([[0.0, 1.0, 1.0, 0.0, 0.0]])

    chance = float(jnp.exp(log_chance(scores, taken, (2, 3)))[0])

    assert chance == pytest.approx(3 / 4 * 1 / 4)
    assert log_chance(scores[:, :0], taken[:, :0], ()) == 0.0


def test_the_likeliest_action_has_the_best_label_of_each_part_and_the_squashed_numbers():
    answered = jnp.array([[0.1, 0.2, 5.0, -1.0, 4.9, 0.3]])

    np.testing.assert_allclose(likeliest(answered, (2, 3)), [[0, 1, 1, 0, 0, math.tanh(0.3)]], rtol=1e-6)
