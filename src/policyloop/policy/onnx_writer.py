"""The ONNX writer: a network as one file that any ONNX runtime runs, for one state or for many.

Question answered: how does a policy leave the house whole? The scaler is in the graph, the batch is free, and the action, its
density and the value told of it come out of the same run, so that they cannot belong to different actions.
What goes in: `state`; of a stochastic policy also `noise`, (n, a) standard normal numbers, so that it is a pure function.
What comes out: of a box `action` and `value` (of that very action), of a stochastic one `log_density` too; of labels `scores`,
`action` (the best place) and `value` (its score). Where labels stand beside numbers, `labels` (n, p), the likeliest place of
each part, and `probabilities`, part by part, come out too; a stochastic one draws labels by a further input `uniform`, (n, p)
numbers in [0, 1), `value` is of labels and numbers together, and `log_density` of both.
Where an action that is not squashed was cut off at the box, `log_density` is of the mass there.
Letters: n states, a numbers of an action, k labels, p labelled parts beside numbers, m labels of all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from policyloop.policy.network import EPSILON, WITH_DEVIATION, Network

OPSET = 17
IR_VERSION = 8  # read by runtimes of 2022 and later
PRODUCER = "policyloop"
_LEAST_MASS = 1e-30
_MAX_SHIFT = 10.0  # of the mean, in scales
_TYPES = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}


class Graph:
    """Nodes in the making: each call adds one and answers the name of what comes out."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def add(self, operator: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """The output of a new node, named `to` or by its number."""
        name = f"{operator.lower()}_{len(self.nodes)}" if to is None else to
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def cast_state(self) -> str:
        """States that come as small integers, as float32; `to` is the operator's own attribute here."""
        self.nodes.append(helper.make_node("Cast", ["state"], ["numbers"], to=TensorProto.FLOAT))
        return "numbers"

    def whole(self, x: str) -> str:
        """Numbers as 64-bit integers."""
        name = f"whole_{len(self.nodes)}"
        self.nodes.append(helper.make_node("Cast", [x], [name], to=TensorProto.INT64))
        return name

    def constant(self, value: NDArray[Any] | float | Sequence[float]) -> str:
        """The name of numbers that are written into the file; integers stay integers, all others become float32."""
        array = np.asarray(value)
        kept = array if array.dtype == np.int64 else array.astype(np.float32)
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(kept), name))
        return name


def policy_bytes(network: Network, *, is_stochastic: bool = False, has_value: bool = True) -> bytes:
    """The network as an ONNX file.

    Args:
        is_stochastic: draw the action by `noise`; only of heads that learned a deviation.
        has_value: with the critics; without them it is smaller and faster.
    """
    graph = Graph()
    seen = _seen(graph, network)
    if network.head == "scores":
        assert not is_stochastic, "scores of labels have no noise"
        return _written(graph, network, ["state"], _labels(graph, network, seen))
    scores, location, deviation = _actor(graph, network, seen)
    assert deviation or not is_stochastic, f"the head {network.head} never varies"
    beside = _beside(graph, network, scores, is_stochastic=is_stochastic) if network.choices else _NONE_BESIDE
    drawn = _drawn(graph, network, location, deviation, beside.log_chances) if is_stochastic else None
    place = graph.add("Tanh", location) if drawn is None else drawn[0]
    outputs = [_in_units(graph, network, place), *beside.outputs]
    if has_value:
        whole = graph.add("Concat", *beside.ones, place, axis=1) if beside.ones else place
        outputs.append(_value(graph, network, seen, whole))
    if drawn is not None:
        outputs.append(drawn[1])
    inputs = ["state", *(["noise"] if is_stochastic else []), *(["uniform"] if is_stochastic and network.choices else [])]
    return _written(graph, network, inputs, outputs)


def with_metadata(data: bytes, told: Mapping[str, str]) -> bytes:
    """The file with these texts in its metadata, beside those that it has of other names."""
    model = onnx.load_model_from_string(data)
    helper.set_model_props(model, {**{one.key: one.value for one in model.metadata_props}, **told})
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def actor_bytes(network: Network) -> bytes:
    """What serving asks first: `state` to `answer`, all that the actor says; no tanh yet, no bounds."""
    graph = Graph()
    answer = _dense(graph, network, "actor", _seen(graph, network), to="answer")
    return _written(graph, network, ["state"], [answer])


def critic_bytes(network: Network) -> bytes:
    """What serving asks once the action is drawn: `state` and `place`, the action as (action - center) / half, to `expected`.

    Labels beside the numbers come first in `place`, as a 1 for each that is taken and a 0 for every other. `expected` is what
    each critic says, in units of the reward's scale: the least of two numbers is found sooner outside.
    """
    graph = Graph()
    x = graph.add("Concat", _seen(graph, network), "place", axis=1)
    graph.add("Concat", *_critics(graph, network, x), axis=1, to="expected")
    return _written(graph, network, ["state", "place"], ["expected"])


def scores_bytes(network: Network) -> bytes:
    """What serving asks over labels: `state` to `scores`."""
    graph = Graph()
    graph.add("Identity", _least(graph, network, _seen(graph, network)), to="scores")
    return _written(graph, network, ["state"], ["scores"])


def is_folded(network: Network) -> bool:
    """Whether the scaler goes into the first layers' weights: not where its shifts are so large that float32 would tell."""
    shift = np.abs(network.tensors["state.mean"] / network.tensors["state.scale"])
    return not network.settings["trunk"] and float(shift.max()) <= _MAX_SHIFT


def _seen(graph: Graph, network: Network) -> str:
    """(n, h) what actor and critics see: standardised, unless their weights do that, and through the trunk."""
    tensors, settings = network.tensors, network.settings
    x = "state" if _dtype(network) == "float32" else graph.cast_state()
    if not is_folded(network):
        centred = graph.add("Sub", x, graph.constant(tensors["state.mean"]))
        x = graph.add("Div", centred, graph.constant(tensors["state.scale"]))
    if not settings["trunk"]:
        return x if len(network.state_shape) == 1 else graph.add("Flatten", x, axis=1)
    if len(network.state_shape) == 2:
        x = graph.add("Unsqueeze", x, graph.constant(np.array([1], dtype=np.int64)))
    for i, layer in enumerate(settings["trunk"]):
        kernel = graph.constant(tensors[f"trunk.{i}.w"].transpose(3, 2, 0, 1))
        pad = "SAME_UPPER" if layer.get("padding", "valid") == "same" else "VALID"
        bias = graph.constant(tensors[f"trunk.{i}.b"])
        x = graph.add("Relu", graph.add("Conv", x, kernel, bias, auto_pad=pad, strides=[layer["stride"]] * 2))
    return graph.add("Flatten", graph.add("Transpose", x, perm=[0, 2, 3, 1]), axis=1)


def _dense(graph: Graph, network: Network, name: str, x: str, *, to: str | None = None) -> str:
    """(n, out) the actor's answer, or a critic's."""
    y, last = x, network.settings["n_layers"] - 1
    for i in range(last + 1):
        weights = [graph.constant(part) for part in _affine(network, name, i)]
        y = graph.add("Gemm", y, *weights, to=to if i == last else None)
        if i == last:
            break
        if f"{name}.{i}.g" in network.tensors:
            gain, shift = (graph.constant(network.tensors[f"{name}.{i}.{part}"]) for part in ("g", "h"))
            y = graph.add("LayerNormalization", y, gain, shift, axis=-1, epsilon=EPSILON)
        y = graph.add("Relu", y)
    return y


def _affine(network: Network, name: str, i: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weights and bias of a layer; the scaler is folded into the first."""
    w, b = network.tensors[f"{name}.{i}.w"], network.tensors[f"{name}.{i}.b"]
    if i > 0 or not is_folded(network):
        return w, b
    mean = network.tensors["state.mean"].astype(np.float64).ravel()
    scale = network.tensors["state.scale"].astype(np.float64).ravel()
    folded = w.astype(np.float64)
    folded[: len(scale)] /= scale[:, np.newaxis]
    return folded, b - mean @ folded[: len(scale)]


class _Beside(NamedTuple):
    """Labels beside the numbers: names of what belongs to each part."""

    ones: list[str]  # (n, k) 1 at the label taken
    log_chances: list[str]  # (n, 1) of the label taken, where it is drawn
    outputs: list[str]


_NONE_BESIDE = _Beside([], [], [])


def _actor(graph: Graph, network: Network, seen: str) -> tuple[str, str, str]:
    """(n, m) scores of labels beside the numbers, (n, a) location and deviation; no name where there is none."""
    scores, answer = "", _dense(graph, network, "actor", seen)
    is_varying = network.head in WITH_DEVIATION
    if network.choices:
        m, a = sum(map(len, network.choices)), network.n_numbers
        scores, answer = _split(graph, answer, [m, 2 * a if is_varying else a])
    if not is_varying:
        return scores, answer, ""
    halves = [f"half_{len(graph.nodes)}_{i}" for i in range(2)]
    graph.nodes.append(helper.make_node("Split", [answer], halves, axis=1))
    low, high = network.settings["log_std"]
    return scores, halves[0], graph.add("Exp", graph.add("Clip", halves[1], graph.constant(low), graph.constant(high)))


def _split(graph: Graph, x: str, sizes: Sequence[int]) -> list[str]:
    """(n, size) one name for each size, side by side in (n, sum of sizes)."""
    names = [f"piece_{len(graph.nodes)}_{i}" for i in range(len(sizes))]
    graph.nodes.append(helper.make_node("Split", [x, graph.constant(np.array(sizes, dtype=np.int64))], names, axis=1))
    return names


def _beside(graph: Graph, network: Network, scores: str, *, is_stochastic: bool) -> _Beside:
    """The labels taken: the likeliest of each part, or drawn by `uniform`."""
    sizes = [len(labels) for labels in network.choices]
    pmfs = [graph.add("Softmax", of_part, axis=1) for of_part in _split(graph, scores, sizes)]
    uniforms = _split(graph, "uniform", [1] * len(sizes)) if is_stochastic else [""] * len(sizes)
    places = [_place(graph, pmf, uniform, k) for pmf, uniform, k in zip(pmfs, uniforms, sizes, strict=True)]
    ones, axis, values = [], graph.constant(np.array([1], dtype=np.int64)), graph.constant([0.0, 1.0])
    for place, k in zip(places, sizes, strict=True):
        flat = graph.add("Squeeze", place, axis)
        ones.append(graph.add("OneHot", flat, graph.constant(np.array(k, dtype=np.int64)), values, axis=1))
    taken = [graph.add("Mul", pmf, one) for pmf, one in zip(pmfs, ones, strict=True)] if is_stochastic else []
    log_chances = [graph.add("Log", graph.add("ReduceSum", one, axis, keepdims=1)) for one in taken]
    outputs = [graph.add("Concat", *places, axis=1, to="labels"), graph.add("Concat", *pmfs, axis=1, to="probabilities")]
    return _Beside(ones, log_chances, outputs)


def _place(graph: Graph, pmf: str, uniform: str, k: int) -> str:
    """(n, 1) of the likeliest of k labels; of the label up to which the probabilities exceed `uniform`, where there is one."""
    if not uniform:
        return graph.add("ArgMax", pmf, axis=1, keepdims=1)
    axis = graph.constant(np.array([1], dtype=np.int64))
    passed = graph.add("LessOrEqual", graph.add("CumSum", pmf, axis), uniform)
    n_passed = graph.add("ReduceSum", graph.add("Where", passed, graph.constant(1.0), graph.constant(0.0)), axis, keepdims=1)
    return graph.whole(graph.add("Min", n_passed, graph.constant(k - 1.0)))


def _drawn(graph: Graph, network: Network, location: str, deviation: str, log_chances: Sequence[str]) -> tuple[str, str]:
    """(n, a) where in the box the noise falls, as (action - center) / half, and (n,) the log density of the action.

    Args:
        log_chances: (n, 1) what labels beside the numbers add to that.
    """
    _, half = network.box()
    bell = graph.add("Add", graph.add("Log", deviation), graph.constant(np.log(half) + 0.5 * math.log(2 * math.pi)))
    square = graph.add("Mul", graph.add("Mul", "noise", "noise"), graph.constant(-0.5))
    inner = graph.add("Sub", square, bell)  # log density of the bell, in the action's units
    varied = graph.add("Mul", deviation, "noise")
    if network.head == "tanh_gaussian":
        z = graph.add("Add", location, varied)
        # log(1 - tanh(z)^2) = 2 (log 2 - z - softplus(-2 z)), which stays finite where tanh is 1
        soft = graph.add("Softplus", graph.add("Mul", z, graph.constant(-2.0)))
        slope = graph.add("Sub", graph.add("Sub", graph.constant(math.log(2.0)), z), soft)
        per_number = graph.add("Sub", inner, graph.add("Mul", slope, graph.constant(2.0)))
        return graph.add("Tanh", z), _summed(graph, per_number, log_chances)
    middle = graph.add("Tanh", location)
    wide = graph.add("Add", middle, varied)
    place = graph.add("Clip", wide, graph.constant(-1.0), graph.constant(1.0))
    side = graph.add("Sign", wide)
    # share of the bell beyond the bound on that side: (1 - erf((1 - side * middle) / (deviation sqrt 2))) / 2
    room = graph.add("Sub", graph.constant(1.0), graph.add("Mul", side, middle))
    ratio = graph.add("Div", room, graph.add("Mul", deviation, graph.constant(math.sqrt(2.0))))
    beyond = graph.add("Mul", graph.add("Sub", graph.constant(1.0), graph.add("Erf", ratio)), graph.constant(0.5))
    mass = graph.add("Log", graph.add("Max", beyond, graph.constant(_LEAST_MASS)))
    is_inside = graph.add("Equal", place, wide)
    return place, _summed(graph, graph.add("Where", is_inside, inner, mass), log_chances)


def _summed(graph: Graph, per_number: str, log_chances: Sequence[str]) -> str:
    axis = graph.constant(np.array([1], dtype=np.int64))
    per_part = graph.add("Concat", per_number, *log_chances, axis=1) if log_chances else per_number
    return graph.add("ReduceSum", per_part, axis, to="log_density", keepdims=0)


def _in_units(graph: Graph, network: Network, place: str) -> str:
    center, half = network.box()
    return graph.add("Add", graph.add("Mul", place, graph.constant(half)), graph.constant(center), to="action")


def _value(graph: Graph, network: Network, seen: str, place: str) -> str:
    """(n,) of the action at this place of the box."""
    least = _least(graph, network, graph.add("Concat", seen, place, axis=1))
    return graph.add("Squeeze", least, graph.constant(np.array([1], dtype=np.int64)), to="value")


def _labels(graph: Graph, network: Network, seen: str) -> list[str]:
    scores = graph.add("Identity", _least(graph, network, seen), to="scores")
    axes = graph.constant(np.array([1], dtype=np.int64))
    return [
        scores,
        graph.add("ArgMax", scores, to="action", axis=1, keepdims=0),
        graph.add("Squeeze", graph.add("ReduceMax", scores, axes=[1], keepdims=1), axes, to="value"),
    ]


def _least(graph: Graph, network: Network, x: str) -> str:
    least = graph.add("Min", *_critics(graph, network, x))
    return graph.add("Mul", least, graph.constant(network.settings["reward_scale"]))


def _critics(graph: Graph, network: Network, x: str) -> list[str]:
    """(n, out) of each critic."""
    return [_dense(graph, network, f"critic{j}", x) for j in range(network.settings["n_critics"])]


def _written(graph: Graph, network: Network, inputs: Sequence[str], outputs: Sequence[str]) -> bytes:
    """The bytes of a checked model."""
    n_outputs = network.n_numbers or network.tensors[f"critic0.{network.settings['n_layers'] - 1}.w"].shape[1]
    n_beside, n_parts = sum(map(len, network.choices)), len(network.choices)
    shapes: dict[str, list[str | int]] = {
        "state": ["n", *network.state_shape],
        "scores": ["n", n_outputs],
        "value": ["n"],
        "log_density": ["n"],
        "action": ["n"] if network.head == "scores" else ["n", n_outputs],
        "answer": ["n", n_beside + n_outputs * (2 if network.head in WITH_DEVIATION else 1)],
        "place": ["n", n_beside + n_outputs],
        "labels": ["n", n_parts],
        "uniform": ["n", n_parts],
        "probabilities": ["n", n_beside],
        "expected": ["n", network.settings["n_critics"]],
    }
    types = {"state": _TYPES[_dtype(network)], "labels": TensorProto.INT64}
    if network.head == "scores":
        types["action"] = TensorProto.INT64

    def told(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), shapes.get(name, ["n", n_outputs]))

    body = helper.make_graph(graph.nodes, "policy", [told(n) for n in inputs], [told(n) for n in outputs], graph.constants)
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(body, producer_name=PRODUCER, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(model, full_check=True)
    written: bytes = model.SerializeToString(deterministic=True)
    return written


def _dtype(network: Network) -> str:
    return str(network.settings.get("dtype", "float32"))
