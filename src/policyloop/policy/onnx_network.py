"""A network as it serves: one state at a time by onnxruntime, in microseconds and on one thread.

Question answered: what does the network want in this state, and what does it expect of this action? The same numbers as
policy/network.py gives, to 1e-5. Rows are always answered one by one, so that a decision is replayed to the last bit; on
another kind of processor, float32 rounds otherwise in the seventh digit.
Letters: n states, a numbers of an action, k labels.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Prediction, Tensors
from policyloop.policy import onnx_writer
from policyloop.policy.network import Network
from policyloop.policy.wanted import Wanted

_ANSWER, _VALUE = ["answer"], ["value"]
_OPTIONS = onnxruntime.RunOptions()  # never changed; without them each run makes its own, for 2 us
_ERRORS_ALONE = 3  # severity from which the runtime writes to the log


class OnnxNetwork:
    """Over a box: `wanted` and `value`; over labels it is a reward model. Safe to share between threads."""

    kind = "network"
    n_draws = 0

    def __init__(self, network: Network) -> None:
        self.network = network
        self._dtype = np.dtype(network.settings.get("dtype", "float32"))
        self._bounds = network.settings["log_std"]
        self._center, self._half = (numbers.tolist() for numbers in network.box())
        if network.head == "scores":
            self._scores = session(onnx_writer.policy_bytes(network))
        else:
            self._actor = session(onnx_writer.actor_bytes(network))
            self._critic = session(onnx_writer.critic_bytes(network))

    def wanted(self, state: NDArray[Any]) -> Wanted:
        """What it wants in one state.

        Raises:
            BadModel: it answers what is no number, as for a state far beyond everything that it learned from.
        """
        (answers,) = self._actor.run(_ANSWER, {"state": state.astype(self._dtype, copy=False)[np.newaxis]}, _OPTIONS)
        answer = answers[0].tolist()
        if not all(map(math.isfinite, answer)):
            raise BadModel("the network answers no number for this context; expected values like those that it learned from.")
        a = len(self._center)
        location = answer[:a]
        action = [c + h * math.tanh(x) for c, h, x in zip(self._center, self._half, location, strict=True)]
        if self.network.head == "tanh":
            return Wanted(action, location, [0.0] * a, True, self._center, self._half)
        low, high = self._bounds
        deviation = [math.exp(min(max(x, low), high)) for x in answer[a:]]
        if self.network.head == "tanh_gaussian":
            return Wanted(action, location, deviation, True, self._center, self._half)
        wide = [h * x for h, x in zip(self._half, deviation, strict=True)]
        return Wanted(action, action, wide, False, self._center, self._half)

    def value(self, state: NDArray[Any], action: NDArray[Any]) -> float:
        """The conservative expected return of one action (a,) in one state."""
        given = {
            "state": state.astype(self._dtype, copy=False)[np.newaxis],
            "action": np.asarray(action, np.float32)[np.newaxis],
        }
        return float(self._critic.run(_VALUE, given, _OPTIONS)[0][0])

    def predict(self, features: NDArray[Any]) -> Prediction:
        """Scores of every label for one state, or for n of them."""
        shape = self.network.state_shape
        states = np.asarray(features).astype(self._dtype, copy=False).reshape(-1, *shape)
        rows = [self._scores.run(["scores"], {"state": states[i : i + 1]}, _OPTIONS)[0] for i in range(len(states))]
        mean = np.concatenate(rows).astype(np.float64) if rows else np.empty((0, self.n_labels))
        return Prediction(mean[0] if np.ndim(features) == len(shape) else mean)

    @property
    def n_labels(self) -> int:
        """How many labels it scores, k."""
        return int(self.network.tensors[f"critic0.{self.network.settings['n_layers'] - 1}.w"].shape[1])

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        return self.network.save()


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A runtime of one thread for the bytes of a model of ours; it neither reads nor writes a file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ALONE
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
