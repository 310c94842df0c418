"""A network as it serves: one state at a time by onnxruntime, in microseconds and on one thread.

Question answered: what does the network want in this state, and what does it expect of this action? The same numbers as
policy/network.py gives, to 1e-5. Rows are always answered one by one, so that a decision is replayed to the last bit; on
another kind of processor, float32 rounds otherwise in the seventh digit.
Letters: n states, a numbers of an action, p labelled parts beside them, k labels, m labels of all parts together.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from policyloop.core.errors import BadModel
from policyloop.core.policy import Prediction, Tensors
from policyloop.policy import onnx_writer
from policyloop.policy.network import Network
from policyloop.policy.wanted import Wanted

_ERRORS_ALONE = 3  # severity from which the runtime writes to the log
_TYPES = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8}


def _options() -> onnxruntime.RunOptions:
    """Never changed; without them each run makes its own, and without the entry it looks for one, for 60 us."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("gpu_graph_id", "-1")
    return options


_OPTIONS = _options()


class OnnxNetwork:
    """Over a box: `wanted` and `value`; over labels it is a reward model. Safe to share between threads."""

    kind = "network"
    n_draws = 0

    def __init__(self, network: Network) -> None:
        self.network = network
        self._head = network.head
        self._bounds = network.settings["log_std"]
        self._sizes = [len(labels) for labels in network.choices]
        self._scale = float(network.settings["reward_scale"])
        self._center, self._half = (numbers.tolist() for numbers in network.box())
        if self._head == "scores":
            self._scores = OneState(session(onnx_writer.scores_bytes(network)))
        else:
            self._actor = OneState(session(onnx_writer.actor_bytes(network)))
            self._critics = OneState(session(onnx_writer.critic_bytes(network)))

    def wanted(self, state: NDArray[Any]) -> Wanted:
        """What it wants in one state.

        Raises:
            BadModel: it answers what is no number, as for a state far beyond everything that it learned from.
        """
        (given,), run, told = self._actor.own
        given[:] = state
        run()
        answer = told.tolist()
        if not math.isfinite(sum(answer)):
            raise BadModel("the network answers no number for this context; expected values like those that it learned from.")
        a, m = len(self._center), sum(self._sizes)
        location = answer[m : m + a]
        pmfs = _probabilities(answer, self._sizes) if m else []
        action = [c + h * math.tanh(x) for c, h, x in zip(self._center, self._half, location, strict=True)]
        if self._head == "tanh":
            return Wanted(action, location, [0.0] * a, True, self._center, self._half, pmfs)
        low, high = self._bounds
        deviation = [math.exp(min(max(x, low), high)) for x in answer[m + a :]]
        if self._head == "tanh_gaussian":
            return Wanted(action, location, deviation, True, self._center, self._half, pmfs)
        wide = [h * x for h, x in zip(self._half, deviation, strict=True)]
        return Wanted(action, action, wide, False, self._center, self._half, pmfs)

    def value(self, state: NDArray[Any], action: Sequence[float], choices: Sequence[int] = ()) -> float:
        """The conservative expected return of one action in one state; NaN where a critic answers no number.

        Args:
            state: of the shape of a state.
            action: (a,) its numbers.
            choices: (p,) places of its labels.
        """
        (given, place), run, told = self._critics.own
        given[:] = state
        ones = [float(i == taken) for k, taken in zip(self._sizes, choices, strict=True) for i in range(k)]
        place[:] = ones + [(x - c) / h for x, c, h in zip(action, self._center, self._half, strict=True)]
        run()
        expected = told.tolist()
        return min(expected) * self._scale if math.isfinite(sum(expected)) else math.nan

    def predict(self, features: NDArray[Any]) -> Prediction:
        """Scores of every label for one state, or for n of them."""
        shape = self.network.state_shape
        states = np.asarray(features).reshape(-1, *shape)
        mean = np.empty((len(states), self.n_labels))
        (given,), run, told = self._scores.own
        for row, state in zip(mean, states, strict=True):
            given[:] = state
            run()
            row[:] = told
        return Prediction(mean[0] if np.ndim(features) == len(shape) else mean)

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """(p, k) the labels of each part that stands beside the numbers; none where there are numbers alone."""
        return self.network.choices

    @property
    def n_labels(self) -> int:
        """How many labels it scores, k."""
        return int(self.network.tensors[f"critic0.{self.network.settings['n_layers'] - 1}.w"].shape[1])

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        return self.network.save()


def _probabilities(scores: Sequence[float], sizes: Sequence[int]) -> list[list[float]]:
    """(p, k) of each labelled part, from its scores, which come one part after another."""
    found, start = [], 0
    for k in sizes:
        of_part = scores[start : start + k]
        highest = max(of_part)
        raised = [math.exp(score - highest) for score in of_part]
        total = sum(raised)
        found.append([one / total for one in raised])
        start += k
    return found


class OneState(threading.local):
    """Buffers of a model of ours for one state, a thread's own and bound once: that saves 7 us a run.

    To be asked: fill what goes in, run, read what came out; all three in `own`, since each look at a thread's own costs.

    Args:
        runtime: gives one row of float32; threads share it.
    """

    own: tuple[list[NDArray[Any]], Callable[[], None], NDArray[np.float32]]  # without the batch's axis

    def __init__(self, runtime: onnxruntime.InferenceSession) -> None:
        bound, inputs, (output,) = runtime.io_binding(), runtime.get_inputs(), runtime.get_outputs()
        given = [np.zeros([1, *one.shape[1:]], _TYPES[one.type]) for one in inputs]
        answer = np.zeros([1, *output.shape[1:]], np.float32)
        for one, buffer in zip(inputs, given, strict=True):
            bound.bind_ortvalue_input(one.name, onnxruntime.OrtValue.ortvalue_from_numpy(buffer))
        bound.bind_ortvalue_output(output.name, onnxruntime.OrtValue.ortvalue_from_numpy(answer))
        run = partial(runtime.run_with_iobinding, bound, _OPTIONS)
        self.own = [buffer[0] for buffer in given], run, answer[0]


def session(model: bytes) -> onnxruntime.InferenceSession:
    """A runtime of one thread for the bytes of a model of ours; it neither reads nor writes a file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = _ERRORS_ALONE
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
