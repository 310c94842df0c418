"""A policy over numbers: its densities keep the limits and the floor, its value is of the action asked about."""

import hashlib
import math

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import BadModel, BadSetting
from policyloop.core.loop import Field
from policyloop.core.model import Manifest
from policyloop.core.policy import Actions
from policyloop.core.state import StateEncoder
from policyloop.policy import scored
from policyloop.policy.boxed import BoxPolicy, explorer_of
from policyloop.policy.policies.network import random_network
from policyloop.policy.support import support_tensors

FIELDS = [Field(name=name, type="number") for name in ("x", "v", "goal")]
CONTEXT = {"x": 0.3, "v": -1.0, "goal": 0.5}
LOW, HIGH = [-0.9, -0.2], [0.9, 0.6]


def saved(head="tanh_gaussian", *, explorer="own", floor=0.0, labels=("force", "brake"), fields=FIELDS, **explore):
    """Manifest and tensors of a random network, as a training run publishes them."""
    encoder = StateEncoder.of(fields)
    network = random_network(head=head, state_shape=encoder.shape, n_outputs=2, rng=np.random.default_rng(5))
    kept, tensors = network.save()
    data = safetensors.numpy.save(tensors)
    manifest = Manifest(
        loop="cart-pole",
        spec="s",
        recipe="r",
        parent=None,
        policy="network",
        settings=kept,
        features={"kind": "state", **encoder.to_json()},
        labels=list(labels),
        explorer={"name": explorer, "floor": floor, "settings": explore, "reward_span": 13.0},
        learner={"name": "cql"},
        snapshot={},
        trained_until=0,
        n_examples=100,
        seed=1,
        code="0",
        tensors=hashlib.sha256(data).hexdigest(),
        progress={},
    )
    return msgspec.json.decode(msgspec.json.encode(manifest), type=Manifest), data, network


def policy_of(head="tanh_gaussian", **given):
    manifest, data, network = saved(head, **given)
    return scored.load(manifest, data), network


def test_a_saved_network_over_numbers_is_a_box_policy_that_acts_as_it_did():
    policy, network = policy_of(explorer="greedy")
    state = np.float32([[0.3, -1.0, 0.5]])

    assert isinstance(policy, BoxPolicy)
    assert policy.parts == ("force", "brake")
    np.testing.assert_allclose(policy.mode(CONTEXT), network.act(state)[0], atol=1e-5)
    assert policy.value(CONTEXT, [0.1, -0.2]) == pytest.approx(network.value(state, np.float32([[0.1, -0.2]]))[0], abs=1e-5)


def test_the_value_is_of_the_action_that_is_asked_about_and_not_of_the_one_that_is_wanted():
    policy, _ = policy_of(explorer="gaussian", scale=0.5)
    drawn, _ = policy.density(CONTEXT, LOW, HIGH).draw(0.5, [0.9, 0.1])

    assert policy.value(CONTEXT, drawn) != policy.value(CONTEXT, policy.mode(CONTEXT))
    assert policy.value(CONTEXT, drawn) == policy.value(CONTEXT, list(drawn))


@pytest.mark.parametrize("explorer", ["greedy", "gaussian", "own"])
@pytest.mark.parametrize("head", ["tanh", "tanh_gaussian", "gaussian"])
@given(x=st.floats(-1e6, 1e6), u=st.floats(0, 1, exclude_max=True), coin=st.floats(0, 1, exclude_max=True))
@settings(max_examples=30, deadline=None)
def test_no_draw_leaves_the_limits_however_wild_the_state(head, explorer, x, u, coin):
    policy = POLICIES[head, explorer]
    density = policy.density({"x": x, "v": -x, "goal": 0.5}, LOW, HIGH)

    values, _ = density.draw(coin, [u, min(1 - u, 1 - 2**-53)])

    assert all(low <= value <= high for low, value, high in zip(LOW, values, HIGH, strict=True))
    assert density.at(values) > 0


POLICIES = {
    (head, explorer): policy_of(head, explorer=explorer, floor=0.1)[0]
    for head in ("tanh", "tanh_gaussian", "gaussian")
    for explorer in ("greedy", "gaussian", "own")
}


@pytest.mark.parametrize("explorer", ["gaussian", "own"])
@pytest.mark.parametrize("head", ["tanh_gaussian", "gaussian"])
def test_the_density_sums_to_1_over_the_box_with_its_floor(head, explorer):
    density = POLICIES[head, explorer].density(CONTEXT, LOW, HIGH)
    n = 100
    cells = [low + (high - low) * (np.arange(n) + 0.5) / n for low, high in zip(LOW, HIGH, strict=True)]

    heights = [density.at([x, y]) for x in cells[0].tolist() for y in cells[1].tolist()]

    assert np.mean(heights) * 1.8 * 0.8 == pytest.approx(1.0, abs=2e-3)
    assert min(heights) >= 0.1 / (1.8 * 0.8)


def test_the_own_distribution_of_a_policy_that_never_varies_is_a_mass_at_one_place():
    policy, _ = policy_of("tanh", explorer="own")

    density = policy.density(CONTEXT, LOW, HIGH)

    assert density.kind == "point"
    assert density.at(density.mode()) == 1.0


def test_a_squashed_distribution_has_its_place_before_the_tanh_and_its_mode_after_it():
    policy, network = policy_of(explorer="own")
    location, deviation = network.gaussian(np.float32([[0.3, -1.0, 0.5]]))

    density = policy.density(CONTEXT, [-1.0, -1.0], [1.0, 1.0])

    assert density.family == "tanh_normal"
    np.testing.assert_allclose(density.loc, location[0], atol=1e-5)
    np.testing.assert_allclose(density.scale, deviation[0], rtol=1e-4)
    np.testing.assert_allclose(density.mode(), np.tanh(location[0]), atol=1e-5)  # and never atanh


def test_a_distribution_that_is_not_squashed_is_a_bell_in_the_units_of_the_action():
    policy, network = policy_of("gaussian", explorer="own")
    mean, deviation = network.gaussian(np.float32([[0.3, -1.0, 0.5]]))

    density = policy.density(CONTEXT, [-1.0, -1.0], [1.0, 1.0])

    assert density.family == "normal"
    np.testing.assert_allclose(density.loc, mean[0], atol=1e-5)
    np.testing.assert_allclose(density.scale, deviation[0], rtol=1e-4)


def test_a_gaussian_explorer_is_as_wide_as_its_share_of_half_the_box():
    density = explorer_of("gaussian", {"scale": 0.1}).density(POLICIES["tanh", "greedy"].model.wanted(np.zeros(3)), LOW, HIGH)

    assert density.scale == [0.1, 0.1]
    with pytest.raises(BadSetting, match=r"explore.scale is 0; expected a number above 0"):
        explorer_of("gaussian", {"scale": 0})


def test_the_same_state_is_answered_with_the_same_bits():
    policy, _ = policy_of(explorer="own", floor=0.05)

    assert policy.density(CONTEXT, LOW, HIGH) == policy.density(dict(CONTEXT), list(LOW), list(HIGH))


def test_greedy_and_another_floor_are_the_same_model():
    policy, _ = policy_of(explorer="own", floor=0.05)

    assert policy.with_floor(0.2).density(CONTEXT, LOW, HIGH).floor == 0.2
    assert policy.greedy().density(CONTEXT, LOW, HIGH).kind == "point"
    with pytest.raises(BadSetting, match=r"floor is 2"):
        policy.with_floor(2.0)


def test_a_state_beyond_all_numbers_is_refused_rather_than_answered():
    policy, _ = policy_of(explorer="own")

    with np.errstate(over="ignore"), pytest.raises(BadModel, match="answers no number for this context"):
        policy.density({"x": 1e300, "v": -1e300, "goal": 0.0}, LOW, HIGH)


def test_a_network_over_labels_scores_them_and_every_explorer_of_labels_goes_on_working():
    policy, network = policy_of("scores", explorer="softmax", floor=0.1, temperature=0.5)
    contexts = [CONTEXT, {"x": 1.0, "v": 2.0, "goal": -0.5}]

    together = policy.probabilities_of_many(contexts, np.ones((2, 2), bool))

    rewards = network.scores(np.float32([[0.3, -1.0, 0.5], [1.0, 2.0, -0.5]]))
    np.testing.assert_allclose(policy.rewards_of_many(contexts), rewards, atol=1e-5)
    for i, context in enumerate(contexts):
        np.testing.assert_array_equal(policy.probabilities(context, Actions.of(("force", "brake"))), together[i])
    assert together[0, 0] / together[0].sum() == pytest.approx(
        0.05 + 0.9 / (1 + math.exp((rewards[0, 1] - rewards[0, 0]) / (0.5 * 13.0))), abs=1e-5
    )


def test_a_board_goes_into_a_network_in_its_own_shape():
    board = Field(name="board", type="tensor", shape=(2, 4, 3), dtype="uint8")
    encoder = StateEncoder.of([board])
    network = random_network(head="scores", state_shape=(2, 4, 3), n_outputs=2, rng=np.random.default_rng(1), channels=(4,))
    manifest, _, _ = saved("scores", explorer="greedy", fields=[board], floor=0.1)
    kept, tensors = network.save()
    data = safetensors.numpy.save(tensors)
    manifest = msgspec.structs.replace(manifest, settings=kept, tensors=hashlib.sha256(data).hexdigest())
    cells = np.random.default_rng(2).integers(0, 2, size=(2, 4, 3))

    policy = scored.load(manifest, data)

    rewards = policy.rewards_of_many([{"board": cells.tolist()}])
    np.testing.assert_allclose(rewards, network.scores(encoder.encode({"board": cells.tolist()})[np.newaxis]), atol=1e-5)


def test_a_network_of_other_states_or_other_parts_is_refused():
    manifest, data, _ = saved()
    other = StateEncoder.of(FIELDS[:2]).to_json()

    with pytest.raises(BadModel, match=r"takes states of \(3,\); its fields make \(2,\)"):
        scored.load(msgspec.structs.replace(manifest, features={"kind": "state", **other}), data)
    with pytest.raises(BadModel, match="gives 2 parts of an action; its manifest names 1"):
        scored.load(msgspec.structs.replace(manifest, labels=["force"]), data)


def test_an_explorer_of_labels_is_refused_over_numbers_and_a_box_where_labels_are_expected():
    manifest, data, _ = saved(explorer="softmax")

    with pytest.raises(BadModel, match="the explorer softmax is for labels"):
        scored.load(manifest, data)
    with pytest.raises(BadModel, match="actions are numbers"):
        scored.load_scored(*saved()[:2])


@pytest.mark.parametrize("head", ["tanh", "scores"])
def test_a_policy_tells_whether_it_has_learned_from_such_a_state(head):
    manifest, data, _ = saved(head, explorer="greedy")
    seen = support_tensors(np.float32([[0, -1, -0.5], [1, 1, 0.5]]))
    with_support = safetensors.numpy.save({**safetensors.numpy.load(data), **seen})
    manifest = msgspec.structs.replace(manifest, tensors=hashlib.sha256(with_support).hexdigest())

    is_within = scored.load(manifest, with_support).is_within_history

    assert is_within(CONTEXT)
    assert not is_within({**CONTEXT, "x": 1.2})
    assert scored.load(*saved(head, explorer="greedy")[:2]).is_within_history({**CONTEXT, "x": 1e6})
