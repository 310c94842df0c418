"""Losses of CQL and IQL are those of d3rlpy, on the same weights, the same batch and the same noise.

The numbers were written down by benchmarks/d3rlpy_losses.py, which says how.
"""

import json
from pathlib import Path

import numpy as np
import pytest

jax = pytest.importorskip("jax", reason="needs the extra rl")
jnp = jax.numpy

from policyloop.learn.networks.implicit import Implicit  # noqa: E402
from policyloop.learn.networks.method import Learned  # noqa: E402
from policyloop.learn.networks.rows import Rows, Scaler  # noqa: E402
from policyloop.learn.networks.shape import Shape  # noqa: E402
from policyloop.learn.networks.soft import Draws, Soft  # noqa: E402

THEIRS = json.loads((Path(__file__).parent / "d3rlpy_losses.json").read_text(encoding="utf-8"))
SHAPE = Shape(
    state=(3,), dtype="float32", n_numbers=2, n_labels=0, width=8, depth=2, layer_norm=False, channels=()
)  # fmt: skip


def array(numbers):
    return jnp.asarray(np.array(numbers, np.float32))


def layers(kept):
    return [{name: array(tensor) for name, tensor in layer.items()} for layer in kept]


def the_batch():
    batch = {name: array(column) for name, column in THEIRS["batch"].items()}
    return Rows(
        state=batch["observations"],
        action=batch["actions"],
        label=jnp.zeros((6, 0), jnp.int32),
        reward=batch["rewards"][:, 0],
        next_state=batch["next_observations"],
        goes_on=1 - batch["terminals"][:, 0],
        next_action=batch["next_actions"],
        has_next=jnp.ones(6),
    )


def learned(theirs, *, more, **numbers):
    weights = {"trunk": [], "actor": layers(theirs["weights"]["actor"]), **more}
    weights["critics"] = [layers(critic) for critic in theirs["weights"]["critics"]]
    target = {"trunk": [], "critics": [layers(critic) for critic in theirs["weights"]["target"]]}
    scaler = Scaler(jnp.zeros(3), jnp.ones(3), jnp.float32(1))
    told = {name: jnp.float32(number) for name, number in {**numbers, "discount": THEIRS["gamma"]}.items()}
    return Learned(weights, target, {}, {}, scaler, jnp.zeros(2, jnp.uint32), told)


def close(ours, theirs):
    assert float(ours) == pytest.approx(theirs, rel=2e-6, abs=1e-6)  # float32, and weights written down to seven digits


def test_the_critics_of_cql_lose_what_theirs_lose():
    theirs, batch = THEIRS["cql"], the_batch()
    state = learned(theirs, more={}, conservative_weight=theirs["conservative_weight"])
    method = Soft(SHAPE, n_samples=4, with_next=True)
    draws = Draws(*(array(theirs["noise"][name]) for name in ("here", "after", "even")))

    loss, told = method.critic_loss(
        state.weights, state, batch, method.wanted(state, batch), method.pressed(state, batch, draws)
    )

    close(loss, theirs["losses"]["critic_loss"])
    close(theirs["conservative_weight"] * 2 * told["conservative"], theirs["losses"]["conservative_loss"])


def test_the_actor_and_the_temperature_of_cql_lose_what_theirs_lose():
    theirs, batch = THEIRS["cql"], the_batch()
    state = learned(theirs, more={"log_temperature": jnp.log(jnp.float32(theirs["temperature"]))})
    method = Soft(SHAPE, n_samples=4, with_next=True)

    loss, log_density = method.actor_loss(state.weights, state, batch.state, array(theirs["noise"]["own"]))

    close(loss, theirs["losses"]["actor_loss"])
    close(-theirs["temperature"] * (log_density - 2).mean(), theirs["losses"]["temperature_loss"])


def test_value_critics_and_actor_of_iql_lose_what_theirs_lose():
    theirs, batch = THEIRS["iql"], the_batch()
    more = {"value": layers(theirs["weights"]["value"]), "log_std": array(theirs["log_std"])[0]}
    numbers = {name: theirs[name] for name in ("expectile", "weight_temperature", "most_weight")}
    state = learned(theirs, more=more, **numbers)
    method = Implicit(SHAPE)

    loss, told = method.critic_loss(state.weights, state, batch)
    actor_loss, _ = method.actor_loss(state.weights, batch, batch.state, method.weight(state, batch, batch.state))

    close(told["value_loss"], theirs["losses"]["v_loss"])
    close(loss, theirs["losses"]["q_loss"] + theirs["losses"]["v_loss"])
    close(actor_loss, theirs["losses"]["actor_loss"])
