"""The ONNX writer: the file answers as the network does, and what it tells in one run belongs together."""

import math

import numpy as np
import onnx
import pytest
from scipy.stats import norm

from policyloop.policy import onnx_writer
from policyloop.policy.network import Network
from policyloop.policy.onnx_network import OnnxNetwork, session
from policyloop.policy.policies.network import load, random_network

f32 = np.float32
BOXES = ["tanh", "tanh_gaussian", "gaussian"]


def network(head, **more):
    """Random, in a box from 1 to 5 and from -3 to -2."""
    made = random_network(head=head, state_shape=(4,), n_outputs=2, rng=np.random.default_rng(7), width=16, **more)
    if head == "scores":
        return made
    settings = {**made.settings, "center": [3.0, -2.5], "half": [2.0, 0.5], "reward_scale": 13.0}
    return load(settings, made.tensors)


def states(n, scale=1.0):
    return (scale * np.random.default_rng(8).normal(size=(n, 4))).astype(f32)


@pytest.mark.parametrize("n", [1, 33])
@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("head", BOXES)
def test_the_action_and_its_value_are_those_of_the_network_for_one_state_and_for_many(head, layer_norm, n):
    policy = network(head, layer_norm=layer_norm)

    action, value = session(onnx_writer.policy_bytes(policy)).run(None, {"state": states(n)})

    np.testing.assert_allclose(action, policy.act(states(n)), atol=1e-5)
    np.testing.assert_allclose(value / 13.0, policy.value(states(n), action) / 13.0, atol=1e-5)


@pytest.mark.parametrize("head", ["tanh_gaussian", "gaussian"])
def test_the_value_told_beside_a_drawn_action_is_of_that_action_and_not_of_the_likeliest(head):
    policy = network(head)
    noise = np.random.default_rng(9).normal(size=(20, 2)).astype(f32)

    action, value, _ = session(onnx_writer.policy_bytes(policy, is_stochastic=True)).run(
        None, {"state": states(20), "noise": noise}
    )

    np.testing.assert_allclose(value, policy.value(states(20), action), rtol=1e-4, atol=1e-4)
    assert np.abs(value - policy.value(states(20), policy.act(states(20)))).max() > 1e-2


@pytest.mark.parametrize("head", ["tanh_gaussian", "gaussian"])
def test_without_noise_the_stochastic_file_does_what_the_other_does(head):
    policy = network(head)

    action, *_ = session(onnx_writer.policy_bytes(policy, is_stochastic=True)).run(
        None, {"state": states(9), "noise": np.zeros((9, 2), f32)}
    )

    np.testing.assert_allclose(action, policy.act(states(9)), atol=1e-5)


def test_the_density_told_is_of_the_drawn_action_in_its_own_units():
    policy = network("tanh_gaussian")
    noise = np.random.default_rng(9).normal(size=(50, 2)).astype(f32)

    action, _, log_density = session(onnx_writer.policy_bytes(policy, is_stochastic=True)).run(
        None, {"state": states(50), "noise": noise}
    )

    location, deviation = (x.astype(float) for x in policy.gaussian(states(50)))
    z = location + deviation * noise
    # the chance of a small neighbourhood of the action, by the bell's own shares
    step = 1e-4
    place = np.tanh(z)
    below, above = np.arctanh(place - step), np.arctanh(place + step)
    mass = norm.cdf(above, location, deviation) - norm.cdf(below, location, deviation)
    wide = 2 * step * np.array([2.0, 0.5])
    is_inner = (np.abs(place) < 0.95).all(axis=1)
    assert is_inner.sum() > 10
    np.testing.assert_allclose(log_density[is_inner], np.log(mass / wide).sum(axis=1)[is_inner], atol=1e-3)
    assert (action >= [1, -3]).all()
    assert (action <= [5, -2]).all()


def test_a_squashed_density_stays_a_number_where_the_tanh_is_one():
    policy = network("tanh_gaussian")

    action, value, log_density = session(onnx_writer.policy_bytes(policy, is_stochastic=True)).run(
        None, {"state": states(4), "noise": np.full((4, 2), 40.0, f32)}
    )

    assert np.isfinite(log_density).all()
    assert np.isfinite(value).all()
    assert (action <= [5, -2]).all()


def test_a_density_that_is_not_squashed_is_the_bells_inside_and_the_mass_beyond_where_it_was_cut_off():
    policy = network("gaussian")
    noise = np.float32([[0.0, 0.0], [40.0, 0.0]])

    action, _, log_density = session(onnx_writer.policy_bytes(policy, is_stochastic=True)).run(
        None, {"state": states(2), "noise": noise}
    )

    mean, deviation = (x.astype(float) for x in policy.gaussian(states(2)))
    inside = norm.logpdf(mean[0], mean[0], deviation[0]).sum()
    cut = math.log(norm.sf(5.0, mean[1, 0], deviation[1, 0])) + norm.logpdf(mean[1, 1], mean[1, 1], deviation[1, 1])
    np.testing.assert_allclose(log_density, [inside, cut], atol=1e-3)
    assert action[1, 0] == pytest.approx(5.0)


def test_scores_come_with_the_best_label_and_what_is_expected_of_it():
    policy = network("scores")

    scores, action, value = session(onnx_writer.policy_bytes(policy)).run(None, {"state": states(12)})

    np.testing.assert_allclose(scores, policy.scores(states(12)), atol=1e-5)
    np.testing.assert_array_equal(action, policy.scores(states(12)).argmax(axis=1))
    np.testing.assert_array_equal(value, scores.max(axis=1))


@pytest.mark.parametrize("shape", [(2, 5, 4), (5, 4)])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2])
def test_images_of_small_integers_go_through_the_same_trunk(shape, padding, stride):
    made = random_network(head="tanh", state_shape=shape, n_outputs=1, rng=np.random.default_rng(3), channels=(3,))
    settings = {**made.settings, "trunk": [{"stride": stride, "padding": padding}], "dtype": "uint8"}
    rows = (5, 4) if padding == "same" else (3, 2)
    n_seen = 3 * math.prod(-(-size // stride) for size in rows)
    tensors = dict(made.tensors)
    for name, n_more in (("actor.0.w", 0), ("critic0.0.w", 1), ("critic1.0.w", 1)):
        tensors[name] = np.random.default_rng(4).normal(size=(n_seen + n_more, 8)).astype(f32) / 4
    policy = load(settings, tensors)
    images = np.random.default_rng(5).integers(0, 2, size=(6, *shape)).astype(np.uint8)

    action, value = session(onnx_writer.policy_bytes(policy)).run(None, {"state": images})

    np.testing.assert_allclose(action, policy.act(images), atol=1e-5)
    np.testing.assert_allclose(value, policy.value(images, action), atol=1e-5)


def test_a_scaler_with_a_large_shift_stays_in_front_so_that_float32_tells_no_other_number():
    made = network("tanh")
    far = {**made.tensors, "state.mean": f32([300, 0, 0, 0]), "state.scale": f32([0.1, 1, 1, 1])}
    policy = Network(made.settings, far)
    state = states(20) * f32([0.1, 1, 1, 1]) + f32([300, 0, 0, 0])

    action, _ = session(onnx_writer.policy_bytes(policy)).run(None, {"state": state})

    assert not onnx_writer.is_folded(policy)
    assert onnx_writer.is_folded(made)
    np.testing.assert_allclose(action, policy.act(state), atol=1e-5)


def test_equal_networks_are_equal_files_that_name_their_inputs_and_outputs():
    data = onnx_writer.policy_bytes(network("tanh_gaussian"), is_stochastic=True)
    graph = onnx.load_from_string(data).graph

    assert data == onnx_writer.policy_bytes(network("tanh_gaussian"), is_stochastic=True)
    assert [one.name for one in graph.input] == ["state", "noise"]
    assert [one.name for one in graph.output] == ["action", "value", "log_density"]
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"


@pytest.mark.parametrize("head", BOXES)
def test_one_state_served_alone_wants_and_expects_what_the_network_does(head):
    policy = network(head)
    served = OnnxNetwork(policy)
    state = states(1)[0]

    wanted = served.wanted(state)

    mean, deviation = policy.gaussian(state[np.newaxis])
    np.testing.assert_allclose(wanted.action, policy.act(state[np.newaxis])[0], atol=1e-5)
    np.testing.assert_allclose(wanted.location, mean[0], atol=1e-5)
    np.testing.assert_allclose(wanted.deviation, deviation[0], rtol=1e-4)
    assert served.value(state, np.float32(wanted.action)) == pytest.approx(
        policy.value(state[np.newaxis], f32([wanted.action]))[0], abs=1e-4
    )


def test_a_row_is_scored_alone_as_among_many_to_the_last_bit():
    served = OnnxNetwork(network("scores"))

    together = served.predict(states(7)).mean

    for i in range(7):
        np.testing.assert_array_equal(served.predict(states(7)[i]).mean, together[i])
    assert served.predict(np.zeros((0, 4))).mean.shape == (0, 2)
