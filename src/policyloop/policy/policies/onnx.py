"""ONNX: a policy that another program made, as the bytes of a file; it is run by onnxruntime, never read from a path.

Question answered: what does it do in a state? The file takes `state` (n, ...) and gives `action` (n, a) in the action's units,
or `scores` (n, k) of labels; it may give `value` (n,), the return it expects of its own action. What it expects of any action
is told by a second file, the critic, where there is one: `state` and `action` in, `value` out. What nobody knows is NaN.
Letters: n states, d numbers of a state, a numbers of an action, k labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from policyloop.core.episode import Floats
from policyloop.core.errors import BadModel
from policyloop.core.policy import Prediction, Tensors
from policyloop.policy.one_by_one import OneByOne
from policyloop.policy.onnx_guard import checked, states_at_once
from policyloop.policy.onnx_network import session

MODEL, CRITIC = "model", "critic"  # names of the tensors that hold the bytes
_ALMOST_ONE = 1.0 - 1e-6
_NEAR = 1e-5  # of the box's width: the same action


class OnnxPolicy:
    """What a file does. Immutable, and safe to share between threads."""

    kind = "onnx"
    n_draws = 0

    def __init__(self, settings: Mapping[str, Any], tensors: Tensors) -> None:
        self.settings = dict(settings)
        self.tensors = {name: tensors[name] for name in (MODEL, CRITIC) if name in tensors}
        self._low = np.array(settings["low"], dtype=np.float32)
        self._high = np.array(settings["high"], dtype=np.float32)
        shapes = {"state": self.state_shape, "action": (self.n_numbers,)}
        self._model = _Runner(self.tensors[MODEL].tobytes(), shapes, what="model.onnx")
        self._critic = _Runner(self.tensors[CRITIC].tobytes(), shapes, what="critic.onnx") if CRITIC in self.tensors else None
        self._check()

    @property
    def state_shape(self) -> tuple[int, ...]:
        """(d,), or the shape of an image."""
        return tuple(self.settings["state_shape"])

    @property
    def n_numbers(self) -> int:
        """How many numbers an action has, a; 0 where actions are labels."""
        return len(self._low)

    @property
    def box(self) -> tuple[Floats, Floats]:
        """(a,) its two ends."""
        return self._low, self._high

    def act(self, state: NDArray[Any]) -> Floats:
        """(n, a) the action, brought back into the box where it leaves it."""
        told = self._model.run(state, "action").reshape(len(state), -1)
        return np.asarray(np.clip(told, self._low, self._high), dtype=np.float32)

    def gaussian(self, state: NDArray[Any]) -> tuple[Floats, Floats]:
        """(n, a) what is done, before squashing; it never varies."""
        squashed = (self.act(state) - (self._low + self._high) / 2) / ((self._high - self._low) / 2)
        mean = np.arctanh(squashed.clip(-_ALMOST_ONE, _ALMOST_ONE)).astype(np.float32)
        return mean, np.zeros_like(mean)

    def scores(self, state: NDArray[Any]) -> Floats:
        """(n, k) what it says of every label."""
        return self._model.run(state, "scores")

    def value(self, state: NDArray[Any], action: NDArray[Any]) -> Floats:
        """(n,) what it expects of an action; NaN where it does not say."""
        if not self.n_numbers:
            return self.scores(state)[np.arange(len(state)), np.asarray(action, dtype=np.intp).reshape(-1)]
        done = np.asarray(action, dtype=np.float32).reshape(len(state), -1)
        if self._critic is not None:
            return self._critic.run(state, "value", action=done).reshape(-1)
        if not self._model.gives("value"):
            return np.full(len(state), np.nan, dtype=np.float32)
        is_own = (np.abs(done - self.act(state)) <= _NEAR * (self._high - self._low)).all(axis=1)
        own = self._model.run(state, "value").reshape(-1)
        return np.where(is_own, own, np.float32(np.nan)).astype(np.float32)

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """What it says of every label, for one state or n of them; each is asked alone, so that it is replayed exactly."""
        states = np.reshape(features, (-1, *self.state_shape))
        scores = np.concatenate([self.scores(states[i : i + 1]) for i in range(len(states))]).astype(np.float64)
        return Prediction(scores if np.ndim(features) > len(self.state_shape) else scores[0])

    def file(self) -> bytes:
        """The file for another runtime: what it does there is what it does here, so numbers come back into the box."""
        data = self.tensors[MODEL].tobytes()
        return _boxed(data, self._low, self._high) if self.n_numbers else data

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, the bytes of the files)."""
        return dict(self.settings), dict(self.tensors)

    def _check(self) -> None:
        """Ask it about a state of zeros."""
        nothing = np.zeros((2, *self.state_shape), dtype=np.float32)
        wanted, n = ("action", self.n_numbers) if self.n_numbers else ("scores", int(self.settings["n_labels"]))
        told = self._model.run(nothing, wanted)
        if told.reshape(2, -1).shape[1] != n:
            raise BadModel(f"model.onnx gives '{wanted}' of the shape {told.shape} for 2 states; expected (2, {n}).")
        if self._critic is not None and self.n_numbers:
            self._critic.run(nothing, "value", action=np.zeros((2, n), dtype=np.float32))


def _boxed(data: bytes, low: Floats, high: Floats) -> bytes:
    """The file with its action brought back into the box; what else comes out belongs to the action as it was."""
    model = onnx.load_model_from_string(data)
    graph, wide = model.graph, "action_before_bounds"
    for node in graph.node:
        node.input[:] = [wide if name == "action" else name for name in node.input]
        node.output[:] = [wide if name == "action" else name for name in node.output]
    kind = next(one.type.tensor_type.elem_type for one in graph.output if one.name == "action")
    ends = {"box_low": low, "box_high": high}
    kept = {
        name: numpy_helper.from_array(end.astype(helper.tensor_dtype_to_np_dtype(kind)), name) for name, end in ends.items()
    }
    graph.node.extend(helper.make_node("Constant", [], [name], value=end) for name, end in kept.items())
    graph.node.append(helper.make_node("Max", [wide, "box_low"], ["action_above_low"]))
    graph.node.append(helper.make_node("Min", ["action_above_low", "box_high"], ["action"]))
    written: bytes = model.SerializeToString(deterministic=True)
    return written


class _Runner:
    """One file, guarded and ready to be run."""

    def __init__(self, data: bytes, shapes: Mapping[str, tuple[int, ...]], *, what: str) -> None:
        model = checked(data, what=what)
        self._what = what
        self._outputs = [output.name for output in model.graph.output]
        kept = {tensor.name for tensor in model.graph.initializer}
        types = {one.name: one.type.tensor_type.elem_type for one in model.graph.input if one.name not in kept}
        self._types = {name: helper.tensor_dtype_to_np_dtype(kind) for name, kind in types.items()}
        if "state" not in self._types or set(self._types) - {"state", "action"}:
            raise BadModel(f"{what} takes {', '.join(self._types) or 'nothing'}; expected an input named 'state'.")
        self._n = states_at_once(model, shapes, what=what)
        try:
            self._session = session(data)
        except Exception as error:  # noqa: BLE001 - the runtime has errors of its own for each fault
            raise BadModel(f"{what} cannot be run: {str(error).splitlines()[0]}") from None

    def gives(self, output: str) -> bool:
        """Whether it has such an output."""
        return output in self._outputs

    def run(self, state: NDArray[Any], output: str, **more: NDArray[Any]) -> Floats:
        """(n, ...) one output, for states in order.

        Raises:
            BadModel: it has no such output, or does not take such states.
        """
        if not self.gives(output):
            raise BadModel(f"{self._what} gives {', '.join(self._outputs)}; expected an output named '{output}'.")
        told = [self._some(state, output, more, slice(i, i + self._n)) for i in range(0, len(state), self._n)]
        return np.concatenate(told) if told else np.zeros((0, 1), dtype=np.float32)

    def _some(self, state: NDArray[Any], output: str, more: Mapping[str, NDArray[Any]], rows: slice) -> Floats:
        given = {name: array[rows].astype(self._types[name]) for name, array in {"state": state, **more}.items()}
        try:
            (told,) = self._session.run([output], given)
        except Exception as error:  # noqa: BLE001 - as above
            raise BadModel(f"{self._what} does not take these states: {str(error).splitlines()[0]}") from None
        return np.asarray(told, dtype=np.float32)


def load(settings: dict[str, Any], tensors: Tensors) -> OnnxPolicy:
    """The inverse of `save`.

    Raises:
        BadModel: the file is missing, may not be run, or gives something else than the settings say.
    """
    if MODEL not in tensors:
        raise BadModel(f"an ONNX model needs the tensor '{MODEL}', its bytes; found {sorted(tensors)}. Train it again.")
    return OnnxPolicy(settings, tensors)


def from_files(
    model: bytes,
    critic: bytes | None,
    *,
    state_shape: tuple[int, ...],
    low: list[float],
    high: list[float],
    n_labels: int,
) -> OnnxPolicy:
    """The policy of files that another program wrote; errors as in `load`.

    Args:
        low: (a,) the box, empty for labels.
        n_labels: k; 0 for numbers.
    """
    settings = {"state_shape": list(state_shape), "low": low, "high": high, "n_labels": n_labels}
    files = {MODEL: model, **({} if critic is None else {CRITIC: critic})}
    return OnnxPolicy(settings, {name: np.frombuffer(data, dtype=np.uint8) for name, data in files.items()})


def served(model: OnnxPolicy) -> OnnxPolicy | OneByOne:
    """The model as it serves, one state at a time."""
    return OneByOne(model, *model.box) if model.n_numbers else model


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> OnnxPolicy:
    """A weighted sum per label, for contract tests; it has no posterior draws."""
    weights = numpy_helper.from_array(rng.normal(size=(n_features, n_actions)).astype(np.float32), "w")
    node = helper.make_node("MatMul", ["state", "w"], ["scores"])
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [None, n_features])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, n_actions])
    graph = helper.make_graph([node], "specimen", [state], [scores], [weights])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    assert isinstance(made, onnx.ModelProto)
    data = made.SerializeToString()
    return from_files(data, None, state_shape=(n_features,), low=[], high=[], n_labels=n_actions)
