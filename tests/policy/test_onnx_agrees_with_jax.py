"""The three ways to ask a network agree: JAX, where it was learned, NumPy, where it is judged, and ONNX, where it serves."""

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

import jax.numpy as jnp

from policyloop.learn.networks.layers import answer, looked
from policyloop.learn.networks.shape import values_of
from policyloop.policy import onnx_writer
from policyloop.policy.onnx_network import session
from policyloop.policy.policies.network import random_network


def layers(network, name):
    """The network's layers as learning has them."""
    found = []
    while f"{name}.{len(found)}.w" in network.tensors:
        i = len(found)
        found.append(
            {
                part: jnp.asarray(network.tensors[f"{name}.{i}.{part}"])
                for part in "wbgh"
                if f"{name}.{i}.{part}" in network.tensors
            }
        )
    return found


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize(("shape", "channels"), [((5,), ()), ((2, 6, 5), (3, 4)), ((6, 5), (3,))])
def test_they_agree_to_five_digits(shape, channels, layer_norm):
    network = random_network(
        head="tanh",
        state_shape=shape,
        n_outputs=2,
        rng=np.random.default_rng(1),
        width=32,
        channels=channels,
        layer_norm=layer_norm,
    )
    states = np.random.default_rng(2).normal(size=(40, *shape)).astype(np.float32)

    x = (jnp.asarray(states) - network.tensors["state.mean"]) / network.tensors["state.scale"]
    seen = looked(layers(network, "trunk"), x, [1] * len(channels)) if channels else x
    action = jnp.tanh(answer(layers(network, "actor"), seen))
    value = values_of([layers(network, f"critic{j}") for j in range(2)], seen, action).min(axis=0)
    by_onnx = session(onnx_writer.policy_bytes(network)).run(None, {"state": states})

    np.testing.assert_allclose(network.act(states), action, atol=1e-5)
    np.testing.assert_allclose(network.value(states, network.act(states)), value, atol=1e-5)
    np.testing.assert_allclose(by_onnx[0], action, atol=1e-5)
    np.testing.assert_allclose(by_onnx[1], value, atol=1e-5)
