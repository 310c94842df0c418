"""Networks over labels and numbers at once: asked in NumPy, in ONNX, and as they serve, they say the same."""

import hashlib
import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from gearbox import GEARBOX
from policyloop.core.errors import BadModel
from policyloop.core.loop import ExploreSpec
from policyloop.core.spec_file import read_spec
from policyloop.policy import scored
from policyloop.policy.network import Network, softmax
from policyloop.policy.onnx_network import OnnxNetwork, session
from policyloop.policy.onnx_writer import policy_bytes
from policyloop.policy.policies.network import load, random_network
from policyloop.serve.aligned import ready
from small_network import model_of, network_for

CHOICES = (("low", "mid", "high"), ("off", "on"))
STATES = np.random.default_rng(3).normal(size=(50, 4)).astype(np.float32)
SPEC = read_spec(GEARBOX)


def random(head, **changes):
    made = random_network(head=head, state_shape=(4,), n_outputs=2, choices=CHOICES, rng=np.random.default_rng(5), **changes)
    return load({**made.settings, "center": [0.5, 3.0], "half": [0.5, 2.0]}, made.tensors)


def linear(actor, critic):
    """A network of one layer each, over one number that is not scaled: for hand calculation."""
    settings = {**random("tanh").settings, "n_layers": 1, "n_critics": 1, "state_shape": [1], "reward_scale": 10.0}
    settings |= {"choices": [["low", "high"]], "center": [2.0], "half": [2.0]}
    one = np.ones(1, np.float32)
    tensors = {"state.mean": 0 * one, "state.scale": one, "actor.0.b": np.zeros(3, np.float32), "critic0.0.b": 0 * one}
    tensors |= {"actor.0.w": np.float32([actor]), "critic0.0.w": np.float32(critic).reshape(-1, 1)}
    return load(settings, tensors)


def test_it_acts_and_values_as_calculated_by_hand():
    network = linear([0.0, math.log(3.0), 0.5], [1.0, 0.1, 0.2, 0.4])
    state = np.float32([[1.0]])

    (gear,) = network.chances(state)

    np.testing.assert_allclose(gear, [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(network.act(state), [[1, 2 + 2 * math.tanh(0.5)]], rtol=1e-6)
    # 10 (1 + 0.2 for the high gear + 0.4 (3 - 2) / 2)
    np.testing.assert_allclose(network.value(state, [[1, 3.0]]), [14.0], rtol=1e-6)
    np.testing.assert_allclose(network.value(state, [[0, 3.0]]), [13.0], rtol=1e-6)


@pytest.mark.parametrize("head", ["tanh", "gaussian", "tanh_gaussian"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_one_at_a_time_it_wants_and_expects_what_it_does_among_many(head, layer_norm):
    network = random(head, layer_norm=layer_norm)
    served, action, chances = OnnxNetwork(network), network.act(STATES), network.chances(STATES)
    location, deviation = network.gaussian(STATES)
    values = network.value(STATES, action)

    for i, state in enumerate(STATES):
        wanted = served.wanted(state)
        np.testing.assert_allclose(wanted.action, action[i, 2:], atol=1e-5)
        np.testing.assert_allclose(wanted.location, location[i], atol=1e-5)
        np.testing.assert_allclose(wanted.deviation, deviation[i], rtol=1e-4)
        for part, pmf in enumerate(wanted.pmfs):
            np.testing.assert_allclose(pmf, chances[part][i], atol=1e-5)
            assert sum(pmf) == pytest.approx(1.0, abs=1e-12)
        expected = served.value(state, wanted.action, [int(place) for place in action[i, :2]])
        assert expected == pytest.approx(values[i], abs=1e-4)


def test_the_onnx_file_gives_labels_probabilities_numbers_and_the_value_of_all_of_them():
    network = random("gaussian")

    names = [output.name for output in session(policy_bytes(network)).get_outputs()]
    told = dict(zip(names, session(policy_bytes(network)).run(None, {"state": STATES}), strict=True))

    action = network.act(STATES)
    assert names == ["action", "labels", "probabilities", "value"]
    np.testing.assert_array_equal(told["labels"], action[:, :2])
    np.testing.assert_allclose(told["action"], action[:, 2:], atol=1e-5)
    np.testing.assert_allclose(told["probabilities"], np.concatenate(network.chances(STATES), axis=1), atol=1e-5)
    np.testing.assert_allclose(told["value"], network.value(STATES, action), atol=1e-4)


@pytest.mark.parametrize("head", ["gaussian", "tanh_gaussian"])
def test_the_stochastic_file_draws_labels_by_uniform_numbers_and_its_density_is_of_both(head):
    network, rng = random(head), np.random.default_rng(1)
    noise, uniform = rng.normal(size=(50, 2)).astype(np.float32) / 100, rng.random((50, 2)).astype(np.float32)
    file = session(policy_bytes(network, is_stochastic=True))

    told = dict(
        zip(
            [o.name for o in file.get_outputs()],
            file.run(None, {"state": STATES, "noise": noise, "uniform": uniform}),
            strict=True,
        )
    )

    chances, rows = network.chances(STATES), np.arange(50)
    for part, pmf in enumerate(chances):
        drawn = (pmf.cumsum(axis=1) <= uniform[:, part : part + 1]).sum(axis=1)
        np.testing.assert_array_equal(told["labels"][:, part], drawn)
    both = np.concatenate([told["labels"], told["action"]], axis=1)
    np.testing.assert_allclose(told["value"], network.value(STATES, both), atol=1e-4)
    of_labels = sum(np.log(pmf[rows, told["labels"][:, part]]) for part, pmf in enumerate(chances))
    without = Network({**network.settings, "choices": []}, numbers_alone(network))
    alone = session(policy_bytes(without, is_stochastic=True, has_value=False))
    of_numbers = alone.run(["log_density"], {"state": STATES, "noise": noise})[0]
    np.testing.assert_allclose(told["log_density"], of_labels + of_numbers, atol=1e-3)


def numbers_alone(network):
    """The tensors without what the actor says of labels; its critics are not asked."""
    m, last = sum(map(len, network.choices)), f"actor.{network.settings['n_layers'] - 1}"
    return {**network.tensors, f"{last}.w": network.tensors[f"{last}.w"][:, m:], f"{last}.b": network.tensors[f"{last}.b"][m:]}


def test_probabilities_of_scores_however_far_apart_are_numbers():
    np.testing.assert_allclose(softmax(np.float32([[1e30, 0.0], [-1e30, -1e30]])), [[1, 0], [0.5, 0.5]])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"choices": [["low", "mid", "high"]]}, "its actor gives 9 numbers; expected 7 for 2 of an action"),
        ({"choices": "low"}, "its choices are 'low'"),
        ({"choices": [[]]}, r"its choices are \[\[\]\]"),
    ],
)
def test_a_network_whose_labels_do_not_fit_its_tensors_is_refused(settings, said):
    network = random("gaussian")

    with pytest.raises(BadModel, match=said):
        load({**network.settings, **settings}, network.tensors)


def served(name="greedy", *, floor=0.0, spec=SPEC):
    """The policy of a random network as it is loaded, and the network."""
    exploring = replace(spec, explore=ExploreSpec(name=name, floor=floor, settings={}))
    network = network_for(exploring, head="gaussian")
    return scored.load(*model_of(exploring, network)), network


CONTEXT = {"slope": 0.3, "load": -0.2}


def test_greedy_takes_the_likeliest_label_and_own_draws_it_as_it_was_learned():
    (greedy, network), (own, _), (gaussian, _) = served(), served("own"), served("gaussian")
    (chances,) = network.chances(greedy.encoder.encode(CONTEXT))

    np.testing.assert_allclose(own.pmfs(CONTEXT), chances, atol=1e-6)
    likely = [float(place == chances.argmax()) for place in range(3)]
    assert greedy.pmfs(CONTEXT) == gaussian.pmfs(CONTEXT) == [likely]
    assert own.density(CONTEXT, [0.0], [1.0]).family == "normal"


def test_every_label_keeps_its_share_of_the_floor():
    policy, _ = served(floor=0.3)

    ((*pmf,),) = policy.pmfs(CONTEXT)

    assert sorted(pmf) == pytest.approx([0.1, 0.1, 0.8])


def test_a_value_is_of_labels_and_numbers_together():
    policy, network = served()
    state = policy.encoder.encode(CONTEXT)[np.newaxis]

    values = [policy.value(CONTEXT, [0.25], [gear]) for gear in range(3)]

    expected = [network.value(state, [[gear, 0.25]])[0] for gear in range(3)]
    np.testing.assert_allclose(values, expected, atol=1e-5)
    assert len(set(values)) == 3


def test_a_model_with_other_labels_than_the_loop_is_refused():
    policy, _ = served()
    parts = {"gear": ["low", "high", "mid"], "throttle": {"min": 0, "max": 1}}
    swapped = read_spec({**GEARBOX, "actions": {"kind": "tuple", "parts": parts}})

    assert ready(policy, ["gear", "throttle"], SPEC).floor == SPEC.explore.floor
    with pytest.raises(BadModel, match=r"the labels beside .* are \['low', 'mid', 'high'\]; expected \['low', 'high', 'mid'\]"):
        ready(policy, ["gear", "throttle"], swapped)
    with pytest.raises(BadModel, match="the model's actions are throttle; expected the numbers gear, throttle, labels first"):
        ready(policy, ["throttle"], SPEC)


def test_a_manifest_that_names_other_parts_than_the_network_has_is_refused():
    manifest, data = model_of(SPEC, network_for(SPEC, head="gaussian"))
    assert manifest.tensors == hashlib.sha256(data).hexdigest()

    with pytest.raises(BadModel, match="gives 2 parts of an action; its manifest names 1"):
        scored.load(msgspec.structs.replace(manifest, labels=["throttle"]), data)
