"""ONNX of other programs: run as it is told, refused where it could do harm."""

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


def test_other_inputs_are_refused():
    model = graph_of([helper.make_node("MatMul", ["x", "w"], ["action"])], inputs=[info("x", None, 3)])

    with pytest.raises(BadModel, match="takes x; expected an input named 'state'"):
        box(model.SerializeToString())
