"""Files of a network for other programs: each answers as the network does, and says what it takes."""

import json

import numpy as np
import pytest
import safetensors.numpy

from gearbox import GEARBOX
from policyloop.core import plugins
from policyloop.core.errors import Invalid, MissingLibrary
from policyloop.core.spec_file import read_spec
from policyloop.interop.model_parts import ModelParts
from policyloop.policy.onnx_network import session
from policyloop.policy.policies import network as networks
from policyloop.policy.policies.network import random_network
from small_network import CART, STEERED, model_of, network_for

FAMILY = "policyloop.interop.models"
STATES = np.random.default_rng(1).normal(size=(5, 3)).astype(np.float32)


def parts_of(loop=CART, **given):
    spec = read_spec(loop)
    network = network_for(spec, **given)
    return ModelParts(network, "0123456789abcdef", model_of(spec, network)[0], spec)


def files_of(name, parts, *, is_stochastic=False):
    try:
        module = plugins.load(FAMILY, name)
    except MissingLibrary as error:
        pytest.skip(str(error))
    return module.files(parts, is_stochastic=is_stochastic)


def test_an_onnx_file_acts_as_the_network_does_and_draws_where_it_is_asked_to():
    parts = parts_of()

    action, value = session(files_of("onnx", parts)[""]).run(None, {"state": STATES})
    drawn, *_ = session(files_of("onnx", parts, is_stochastic=True)[""]).run(
        None, {"state": STATES, "noise": np.ones((5, 1), np.float32)}
    )

    np.testing.assert_allclose(action, parts.network.act(STATES), atol=1e-5)
    np.testing.assert_allclose(value, parts.network.value(STATES, action), atol=1e-5)
    assert (drawn > action).all()


def test_labels_beside_numbers_leave_with_their_names():
    parts = parts_of(GEARBOX, head="gaussian")

    made = files_of("safetensors", parts)
    told = json.loads(made[".json"])
    again = networks.load(told["settings"], safetensors.numpy.load(made[""]))

    assert told["choices"] == [{"name": "gear", "labels": ["low", "mid", "high"]}]
    assert told["box"] == [{"name": "throttle", "min": 0, "max": 1}]
    np.testing.assert_array_equal(again.act(STATES[:, :2]), parts.network.act(STATES[:, :2]))


def test_a_module_of_torch_is_of_labels_or_of_numbers():
    parts = parts_of(GEARBOX, head="gaussian")

    with pytest.raises(Invalid, match="torch: is for labels or for numbers, not for both at once; expected onnx"):
        files_of("torch", parts)


@pytest.mark.parametrize("loop", [CART, STEERED], ids=["numbers", "labels"])
def test_weights_and_their_description_make_the_network_again(loop):
    parts = parts_of(loop)

    made = files_of("safetensors", parts)
    told = json.loads(made[".json"])
    again = networks.load(told["settings"], safetensors.numpy.load(made[""]))

    assert (told["loop"], told["model"], told["state"]) == (loop["loop"], parts.model, ["x", "v", "goal"])
    if loop is CART:
        assert told["box"] == [{"name": "force", "min": -2, "max": 2}]
        np.testing.assert_array_equal(again.act(STATES), parts.network.act(STATES))
    else:
        assert told["labels"] == ["left", "right"]
        np.testing.assert_array_equal(again.scores(STATES), parts.network.scores(STATES))


@pytest.mark.parametrize("name", plugins.ours(FAMILY))
def test_a_policy_that_never_varies_cannot_be_drawn_from(name):
    with pytest.raises(Invalid, match="--stochastic"):
        files_of(name, parts_of(head="tanh"), is_stochastic=True)


@pytest.mark.parametrize("loop", [CART, STEERED], ids=["numbers", "labels"])
def test_a_torch_module_made_from_the_file_acts_and_expects_as_the_network_does(loop, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'policyloop[torch]'")
    parts = parts_of(loop)
    for suffix, data in files_of("torch", parts).items():
        (tmp_path / f"cart.safetensors{suffix}").write_bytes(data)

    module = plugins.load(FAMILY, "torch").TorchPolicy.read(tmp_path / "cart.safetensors")

    state = torch.from_numpy(STATES)
    with torch.no_grad():
        answer = module(state).numpy()
        if loop is STEERED:
            np.testing.assert_allclose(answer, parts.network.scores(STATES), atol=1e-5)
            return
        np.testing.assert_allclose(answer, parts.network.act(STATES), atol=1e-5)
        np.testing.assert_allclose(
            module.value(state, torch.from_numpy(answer)), parts.network.value(STATES, answer), atol=1e-5
        )
        mean, deviation = parts.network.raw(STATES)
        np.testing.assert_allclose(module.gaussian(state)[0], mean, atol=1e-5)
        np.testing.assert_allclose(module.gaussian(state)[1], deviation, rtol=1e-4)


@pytest.mark.parametrize("shape", [(2, 5, 4), (5, 4)])
def test_a_torch_module_looks_at_images_through_layer_norm_and_convolutions_alike(shape):
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'policyloop[torch]'")
    network = random_network(
        head="tanh", state_shape=shape, n_outputs=2, rng=np.random.default_rng(3), channels=(3, 4), layer_norm=True
    )
    module = plugins.load(FAMILY, "torch").TorchPolicy(network)
    images = np.random.default_rng(4).normal(size=(3, *shape)).astype(np.float32)

    with torch.no_grad():
        action = module(torch.from_numpy(images)).numpy()
        value = module.value(torch.from_numpy(images), torch.from_numpy(action)).numpy()

    np.testing.assert_allclose(action, network.act(images), atol=1e-5)
    np.testing.assert_allclose(value, network.value(images, action), atol=1e-4)
    state = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    again = networks.load(dict(network.settings), plugins.load(FAMILY, "torch")._ours(dict(network.settings), state))
    np.testing.assert_array_equal(again.act(images), network.act(images))
