"""ONNX of other programs: run as it is told, refused where it could do harm."""

import itertools

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from policyloop.core.errors import BadModel
from policyloop.policy import onnx_guard
from policyloop.policy.onnx_writer import policy_bytes
from policyloop.policy.policies.network import random_network
from policyloop.policy.policies.onnx import from_files, load

STATES = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32)


def info(name, *shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, list(shape))


def graph_of(nodes, *, inputs=None, outputs=None, kept=(), opset=17, domain=""):
    weights = numpy_helper.from_array(np.ones((3, 2), dtype=np.float32), "w")
    graph = helper.make_graph(
        nodes, "own", inputs or [info("state", None, 3)], outputs or [info("action", None, 2)], [weights, *kept]
    )
    opsets = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def box(data, critic=None):
    return from_files(data, critic, state_shape=(3,), low=[-1.0, -1.0], high=[1.0, 1.0], n_labels=0)


def plain():
    return graph_of([helper.make_node("MatMul", ["state", "w"], ["action"])])


def test_what_we_export_serves_as_what_another_program_made():
    network = random_network(head="tanh", state_shape=(3,), n_outputs=2, rng=np.random.default_rng(2))

    policy = box(policy_bytes(network))

    np.testing.assert_allclose(policy.act(STATES), network.act(STATES), atol=1e-5)
    np.testing.assert_allclose(policy.value(STATES, policy.act(STATES)), network.value(STATES, network.act(STATES)), atol=1e-4)


def test_of_an_action_that_is_not_its_own_nothing_is_made_up():
    network = random_network(head="tanh", state_shape=(3,), n_outputs=2, rng=np.random.default_rng(2))

    assert np.isnan(box(policy_bytes(network)).value(STATES, np.full((6, 2), 0.9))).all()
    assert np.isnan(box(plain().SerializeToString()).value(STATES, np.zeros((6, 2)))).all()


def test_a_critic_tells_of_any_action():
    nodes = [
        helper.make_node("ReduceSum", ["action", "axis"], ["a"], keepdims=0),
        helper.make_node("ReduceSum", ["state", "axis"], ["s"], keepdims=0),
        helper.make_node("Add", ["a", "s"], ["value"]),
    ]
    axis = numpy_helper.from_array(np.array([1]), "axis")
    critic = graph_of(
        nodes, inputs=[info("state", None, 3), info("action", None, 2)], outputs=[info("value", None)], kept=[axis]
    )

    policy = box(plain().SerializeToString(), critic.SerializeToString())

    np.testing.assert_allclose(policy.value(STATES, np.full((6, 2), 0.5)), STATES.sum(axis=1) + 1, atol=1e-5)


def test_an_action_outside_the_box_is_brought_back():
    policy = box(plain().SerializeToString())

    np.testing.assert_array_equal(policy.act(np.full((1, 3), 9.0, dtype=np.float32)), [[1.0, 1.0]])


def test_saved_and_loaded_it_does_the_same():
    policy = box(plain().SerializeToString())

    again = load(*policy.save())

    np.testing.assert_array_equal(again.act(STATES), policy.act(STATES))


def test_weights_in_another_file_are_refused(tmp_path):
    model = plain()
    onnx.save(model, tmp_path / "m.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)

    with pytest.raises(BadModel, match=r"holds everything itself|in another file"):
        box((tmp_path / "m.onnx").read_bytes())


def test_operators_that_a_policy_has_no_use_for_are_refused_by_name():
    size = numpy_helper.from_array(np.array([10**10]), "size")
    bomb = graph_of(
        [helper.make_node("ConstantOfShape", ["size"], ["huge"]), helper.make_node("MatMul", ["state", "w"], ["action"])],
        kept=[size],
    )

    with pytest.raises(BadModel, match=r"model\.onnx uses the operator ConstantOfShape"):
        box(bomb.SerializeToString())


def test_operators_of_other_domains_are_refused():
    foreign = graph_of([helper.make_node("Run", ["state"], ["action"], domain="com.example")], domain="com.example")

    with pytest.raises(BadModel, match=r"uses Run of the domain 'com\.example'"):
        box(foreign.SerializeToString())


def test_what_is_too_large_or_no_model_is_refused(monkeypatch):
    with pytest.raises(BadModel, match="is no ONNX model"):
        box(b"\x00\x01")
    monkeypatch.setattr(onnx_guard, "MAX_BYTES", 10)
    with pytest.raises(BadModel, match="expected at most 10"):
        box(plain().SerializeToString())


def doubled(first, n, *, axis, last="doubled"):
    """A tensor joined to itself, n times over."""
    names = [first, *(f"{last}_{i}" for i in range(1, n)), last]
    return [helper.make_node("Concat", [a, a], [b], axis=axis) for a, b in itertools.pairwise(names)]


MATMUL = helper.make_node("MatMul", ["state", "w"], ["action"])


def test_forty_doublings_of_a_state_are_refused_before_anything_is_run():
    bomb = graph_of([*doubled("state", 40, axis=1), MATMUL])

    with pytest.raises(
        BadModel,
        match=r"model\.onnx makes 12,582,906 numbers of 1 state by the Concat of 'doubled_21'; "
        r"expected at most 10,000,000 in all its tensors together\. Make the model smaller\.",
    ):
        box(bomb.SerializeToString())


@pytest.mark.parametrize(
    ("of", "told"),
    [("w", "makes 12,582,902 numbers of 1 state by the Concat"), ("shape", "puts the vector 'doubled_10' together")],
    ids=["of the weights", "of a shape"],
)
def test_doublings_of_what_is_known_beforehand_are_refused_too(of, told):
    nodes = [helper.make_node("Shape", ["state"], ["shape"]), *doubled(of, 40, axis=0), MATMUL]

    with pytest.raises(BadModel, match=told):
        box(graph_of(nodes).SerializeToString())


def test_what_a_file_says_of_its_own_sizes_is_not_believed():
    bomb = graph_of([*doubled("state", 40, axis=1), MATMUL])
    bomb.graph.value_info.extend(info(f"doubled_{i}", 1, 3) for i in range(1, 40))

    with pytest.raises(BadModel, match="expected at most 10,000,000 in all"):
        box(bomb.SerializeToString())


def test_what_grows_with_the_square_of_the_states_is_refused():
    nodes = [
        helper.make_node("Transpose", ["state"], ["turned"], perm=[1, 0]),
        helper.make_node("MatMul", ["state", "turned"], ["each_with_each"]),
        MATMUL,
    ]

    with pytest.raises(BadModel, match=r"makes [\d,]+ numbers of 4,096 states by the MatMul of 'each_with_each'"):
        box(graph_of(nodes).SerializeToString())


def test_a_size_that_depends_on_the_state_is_refused():
    ends = [numpy_helper.from_array(np.array([value]), name) for name, value in (("first", 0), ("axis", 1))]
    nodes = [
        helper.make_node("ArgMax", ["state"], ["best"], axis=1, keepdims=0),
        helper.make_node("Slice", ["state", "first", "best", "axis"], ["some"]),
        MATMUL,
    ]

    with pytest.raises(BadModel, match="has a Slice that makes 'some' of a size that cannot be told before it is run"):
        box(graph_of(nodes, kept=ends).SerializeToString())


def test_a_shape_that_is_computed_from_the_state_s_own_is_taken():
    kept = [numpy_helper.from_array(np.array(value), name) for name, value in (("place", [0]), ("rest", [-1]))]
    nodes = [
        helper.make_node("Shape", ["state"], ["shape"]),
        helper.make_node("Gather", ["shape", "place"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["state", "flat"], ["seen"]),
        helper.make_node("MatMul", ["seen", "w"], ["action"]),
    ]

    policy = box(graph_of(nodes, kept=kept).SerializeToString())

    np.testing.assert_array_equal(policy.act(STATES), box(plain().SerializeToString()).act(STATES))


@pytest.mark.parametrize("head", ["tanh", "tanh_gaussian", "gaussian"])
def test_images_run_as_many_at_once_as_the_bound_allows_and_answer_alike(head, monkeypatch):
    shape, rng = (2, 8, 8), np.random.default_rng(2)
    network = random_network(head=head, state_shape=shape, n_outputs=1, rng=rng, channels=(4,))
    states, data = rng.normal(size=(9, *shape)).astype(np.float32), policy_bytes(network)
    monkeypatch.setattr(onnx_guard, "MAX_NUMBERS", 5000)

    policy = from_files(data, None, state_shape=shape, low=[-1.0], high=[1.0], n_labels=0)

    assert onnx_guard.states_at_once(onnx_guard.checked(data, what="it"), {"state": shape}, what="it") in range(2, 9)
    np.testing.assert_allclose(policy.act(states), network.act(states), atol=1e-5)


@pytest.mark.parametrize("axis", [1, -1])
def test_parts_of_a_state_may_be_joined_whose_sizes_are_computed(axis):
    kept = [numpy_helper.from_array(np.array([0]), "place"), numpy_helper.from_array(np.array([-1]), "rest")]
    nodes = [
        helper.make_node("Shape", ["state"], ["shape"]),
        helper.make_node("Gather", ["shape", "place"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["flat"], axis=0),
        helper.make_node("Reshape", ["state", "flat"], ["seen"]),
        helper.make_node("Concat", ["seen", "seen"], ["twice"], axis=axis),
        helper.make_node("MatMul", ["twice", "both"], ["action"]),
    ]
    both = numpy_helper.from_array(np.full((6, 2), 0.5, dtype=np.float32), "both")

    policy = box(graph_of(nodes, kept=[*kept, both]).SerializeToString())

    np.testing.assert_allclose(policy.act(STATES), box(plain().SerializeToString()).act(STATES), atol=1e-6)


def test_other_inputs_are_refused():
    model = graph_of([helper.make_node("MatMul", ["x", "w"], ["action"])], inputs=[info("x", None, 3)])

    with pytest.raises(BadModel, match="takes x; expected an input named 'state'"):
        box(model.SerializeToString())
