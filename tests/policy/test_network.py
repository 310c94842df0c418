"""A network: hand-worked answers of every head, its critics, layer norm and convolutions, and what is no network."""

import math

import numpy as np
import pytest

from policyloop.core.errors import BadModel
from policyloop.policy.network import Network, convolved, normed
from policyloop.policy.policies import network

f32 = np.float32


def small(head, actor=None, **more):
    """Two numbers of state, one layer each; the first critic is 1 + 2 x0 + 3 x1 + a', the second 10 everywhere."""
    is_labels = head == "scores"
    settings = {
        "head": head,
        "n_layers": 1,
        "n_critics": 2,
        "layer_norm": False,
        "trunk": [],
        "state_shape": [2],
        "dtype": "float32",
        "center": [] if is_labels else [5.0],
        "half": [] if is_labels else [2.0],
        "reward_scale": 10.0,
        "log_std": [-5.0, 2.0],
        **more,
    }
    tensors = {"state.mean": f32([1, 0]), "state.scale": f32([2, 1])}
    if is_labels:
        tensors |= {"critic0.0.w": f32([[1, 0, 2], [0, 1, 0]]), "critic0.0.b": f32([0, 0, 1])}
        tensors |= {"critic1.0.w": np.zeros((2, 3), f32), "critic1.0.b": f32([0.5, 0.5, 0.5])}
    else:
        actor_w, actor_b = actor or (f32([[1], [0]]), f32([0]))
        tensors |= {"actor.0.w": actor_w, "actor.0.b": actor_b}
        tensors |= {"critic0.0.w": f32([[2], [3], [1]]), "critic0.0.b": f32([1])}
        tensors |= {"critic1.0.w": np.zeros((3, 1), f32), "critic1.0.b": f32([10])}
    return network.load(settings, tensors)


STATES = f32([[3, 1], [1, -1]])  # x = [[1, 1], [0, -1]]


def test_tanh_squashes_into_the_box():
    acted = small("tanh").act(STATES)

    np.testing.assert_allclose(acted, [[5 + 2 * math.tanh(1)], [5.0]], rtol=1e-6)  # atanh would answer no number for 1


def test_a_policy_that_never_varies_has_no_deviation():
    mean, deviation = small("tanh").gaussian(STATES)

    np.testing.assert_allclose(mean, [[1.0], [0.0]])
    np.testing.assert_array_equal(deviation, [[0.0], [0.0]])


def test_a_squashed_gaussian_acts_at_the_squashed_location_and_tells_location_and_deviation_before_squashing():
    policy = small("tanh_gaussian", (f32([[1, 0], [0, 1]]), f32([0, 0])))

    mean, deviation = policy.gaussian(STATES)

    np.testing.assert_allclose(mean, [[1.0], [0.0]])
    np.testing.assert_allclose(deviation, [[math.e], [1 / math.e]], rtol=1e-6)
    np.testing.assert_allclose(policy.act(STATES), [[5 + 2 * math.tanh(1)], [5.0]], rtol=1e-6)


def test_a_log_deviation_keeps_to_its_bounds():
    policy = small("tanh_gaussian", (f32([[0, 0], [0, 9]]), f32([0, 0])))

    np.testing.assert_allclose(policy.gaussian(STATES)[1], [[math.exp(2)], [math.exp(-5)]], rtol=1e-6)


def test_a_gaussian_that_is_not_squashed_speaks_in_the_units_of_the_action():
    policy = small("gaussian", (f32([[1, 0], [0, 1]]), f32([0, 0])))

    mean, deviation = policy.gaussian(STATES)

    np.testing.assert_allclose(mean, [[5 + 2 * math.tanh(1)], [5.0]], rtol=1e-6)
    np.testing.assert_allclose(deviation, [[2 * math.e], [2 / math.e]], rtol=1e-6)


def test_the_value_is_the_least_that_critics_expect_in_the_unit_of_the_reward():
    policy = small("tanh")

    value = policy.value(STATES, f32([[7], [6]]))  # a' = 1 and 0.5

    # state 0: min(1 + 2 + 3 + 1, 10) = 7; state 1: min(1 - 3 + 0.5, 10) = -1.5
    np.testing.assert_allclose(value, [70.0, -15.0], rtol=1e-6)


def test_scores_are_the_least_of_the_critics_for_every_label_and_the_value_is_one_of_them():
    policy = small("scores")

    np.testing.assert_allclose(policy.scores(STATES), [[5, 5, 5], [0, -10, 5]], rtol=1e-6)
    np.testing.assert_allclose(policy.value(STATES, np.array([2, 1])), [5, -10], rtol=1e-6)


def test_hidden_layers_end_in_a_relu_and_the_last_does_not():
    settings = {**small("tanh").settings, "n_layers": 2}
    tensors = {
        "state.mean": f32([0, 0]),
        "state.scale": f32([1, 1]),
        "actor.0.w": f32([[1, -1], [0, 0]]),
        "actor.0.b": f32([0, 0]),
        "actor.1.w": f32([[-1], [-2]]),
        "actor.1.b": f32([0]),
    }
    for j in range(2):
        tensors |= {f"critic{j}.0.w": np.zeros((3, 1), f32), f"critic{j}.0.b": f32([0])}
        tensors |= {f"critic{j}.1.w": np.zeros((1, 1), f32), f"critic{j}.1.b": f32([0])}

    mean, _ = network.load(settings, tensors).gaussian(f32([[3, 0], [-3, 0]]))

    np.testing.assert_allclose(mean, [[-3.0], [-6.0]])


def test_layer_norm_gives_mean_0_and_variance_1():
    np.testing.assert_allclose(normed(f32([[1, 3], [10, 10]])), [[-1, 1], [0, 0]], atol=1e-5)


def test_layer_norm_comes_before_the_relu_with_its_gain_and_shift():
    settings = {**small("scores").settings, "n_layers": 2, "n_critics": 1, "layer_norm": True, "reward_scale": 1.0}
    tensors = {
        "state.mean": f32([0, 0]),
        "state.scale": f32([1, 1]),
        "critic0.0.w": f32([[1, 0], [0, 1]]),
        "critic0.0.b": f32([0, 0]),
        "critic0.0.g": f32([2, 3]),
        "critic0.0.h": f32([1, 1]),
        "critic0.1.w": f32([[1, 0], [0, 1]]),
        "critic0.1.b": f32([0, 0]),
    }

    scores = network.load(settings, tensors).scores(f32([[1, 3], [3, 1]]))

    # normed: [-1, 1] -> gain and shift [-1, 4] -> relu [0, 4]; [1, -1] -> [3, -2] -> [3, 0]
    np.testing.assert_allclose(scores, [[0, 4], [3, 0]], atol=1e-4)


def test_a_convolution_sums_what_its_window_covers_without_turning_it_round():
    image = np.arange(9, dtype=f32).reshape(1, 3, 3, 1)
    kernel = f32([[1, 0], [0, -2]]).reshape(2, 2, 1, 1)

    swept = convolved(image, kernel, stride=1, padding="valid")

    # top left: 0 * 1 + 4 * -2
    np.testing.assert_array_equal(swept[0, :, :, 0], [[-8, -9], [-11, -12]])
    np.testing.assert_array_equal(convolved(image, kernel, stride=2, padding="valid")[0, :, :, 0], [[-8]])


def test_same_padding_keeps_the_size_with_the_odd_zero_at_the_end():
    image = np.ones((1, 3, 3, 1), dtype=f32)

    swept = convolved(image, np.ones((2, 2, 1, 1), f32), stride=1, padding="same")

    np.testing.assert_array_equal(swept[0, :, :, 0], [[4, 4, 2], [4, 4, 2], [2, 2, 1]])


def test_images_come_with_channels_first_and_are_flattened_with_channels_last():
    settings = {**small("scores").settings, "state_shape": [2, 1, 2], "n_critics": 1, "reward_scale": 1.0}
    settings["trunk"] = [{"stride": 1}]
    identity = np.eye(2, dtype=f32).reshape(1, 1, 2, 2)
    tensors = {
        "state.mean": np.zeros((2, 1, 2), f32),
        "state.scale": np.ones((2, 1, 2), f32),
        "trunk.0.w": identity,
        "trunk.0.b": f32([0, 0]),
        "critic0.0.w": np.eye(4, dtype=f32),
        "critic0.0.b": np.zeros(4, f32),
    }
    image = f32([[[[1, 2]], [[3, 4]]]])  # channel 0 is [1, 2], channel 1 is [3, 4]

    np.testing.assert_array_equal(network.load(settings, tensors).scores(image), [[1, 3, 2, 4]])


@pytest.mark.parametrize("head", ["tanh", "tanh_gaussian", "gaussian"])
def test_many_states_are_answered_as_one_by_one_and_everything_is_float32(head):
    policy = network.random_network(head=head, state_shape=(5,), n_outputs=2, rng=np.random.default_rng(1))
    states = np.random.default_rng(2).normal(size=(7, 5)).astype(f32)
    actions = policy.act(states)

    together = (actions, *policy.gaussian(states), policy.value(states, actions))

    assert {one.dtype for one in together} == {np.dtype(f32)}
    for i in range(7):
        alone = (policy.act(states[i : i + 1]), *policy.gaussian(states[i : i + 1]))
        for one, many in zip(alone, together, strict=False):
            np.testing.assert_allclose(one[0], many[i], atol=1e-6)
        np.testing.assert_allclose(policy.value(states[i : i + 1], actions[i : i + 1])[0], together[3][i], atol=1e-6)


def test_a_long_table_is_answered_in_chunks_with_every_action_beside_its_own_state(monkeypatch):
    policy = network.random_network(head="tanh", state_shape=(3,), n_outputs=1, rng=np.random.default_rng(3))
    states = np.random.default_rng(4).normal(size=(50, 3)).astype(f32)
    actions = policy.act(states)
    whole = policy.value(states, actions)

    monkeypatch.setattr("policyloop.policy.network.ROWS_AT_ONCE", 8)

    np.testing.assert_allclose(policy.value(states, actions), whole, atol=1e-6)
    np.testing.assert_allclose(policy.act(states), actions, atol=1e-6)


def test_no_states_get_no_answers():
    policy = network.random_network(head="tanh", state_shape=(3,), n_outputs=2, rng=np.random.default_rng(3))

    assert policy.act(np.zeros((0, 3), f32)).shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "tensor", "said"),
    [
        ("actor.0.w", None, "'actor.0.w' is missing"),
        ("actor.0.w", np.zeros((3, 1), f32), "takes 3 numbers; expected 2"),
        ("actor.0.b", f32([0, 0]), r"has the shape \(2,\); expected \(1,\)"),
        ("critic1.0.b", f32([np.nan]), "'critic1.0.b' is not finite"),
        ("state.scale", f32([1, 0]), "'state.scale' is not above 0"),
        ("state.mean", None, "'state.mean' is missing"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(name, tensor, said):
    good = small("tanh")
    tensors = {key: value for key, value in good.tensors.items() if key != name}
    if tensor is not None:
        tensors[name] = tensor

    with pytest.raises(BadModel, match=said):
        network.load(dict(good.settings), tensors)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"head": "tanhh"}, "did you mean 'tanh'"),
        ({"n_layers": 0}, "n_layers is 0"),
        ({"half": [0.0]}, "no width"),
        ({"half": [1.0, 1.0]}, "other middles than widths"),
        ({"center": [], "half": []}, "just where the head is not"),
        ({"reward_scale": 0.0}, "reward_scale is above 0"),
        ({"trunk": [{"stride": 0}]}, "has a layer"),
        ({"state_shape": []}, "states have the shape"),
    ],
)
def test_settings_that_do_not_fit_are_refused(changed, said):
    good = small("tanh")

    with pytest.raises(BadModel, match=said):
        network.load({**good.settings, **changed}, good.tensors)


def test_it_is_saved_by_the_names_that_are_promised():
    settings, tensors = network.random_network(
        head="tanh_gaussian", state_shape=(5,), n_outputs=1, rng=np.random.default_rng(0), layer_norm=True
    ).save()

    assert settings["log_std"] == [-5.0, 2.0]
    assert isinstance(network.load(settings, tensors), Network)
    assert tensors["actor.2.w"].shape == (8, 2)
    assert tensors["critic1.0.w"].shape == (6, 8)
    assert {"critic0.0.g", "critic0.1.h"} <= set(tensors)
    assert "critic0.2.g" not in tensors
