"""A network: what a learner of episodes learned, as plain numbers, and how they are asked.

Question answered: which action does it take in a state, how sure is it, and what does it expect of an action? Everything is
here in NumPy, for many states at once; one state at a time is faster by policy/onnx_network.py, to 1e-5.
The tensors, float32, by the names that are written to safetensors; i counts layers and j critics, both from 0:

    state.mean, state.scale    of the shape of a state: x = (state - mean) / scale
    trunk.{i}.w, trunk.{i}.b   where states are images: kernels (height, width, in, out); relu after each, flattened at the end
    actor.{i}.w, actor.{i}.b   (in, out) and (out,); relu after each but the last
    critic{j}.{i}.w, .b        the same
    critic{j}.{i}.g, .h        with `layer_norm`: gain and shift after a hidden layer's affine map, before its relu

The settings, JSON: `head`, `n_layers` (affine maps of actor and critic, the last one too), `n_critics`, `layer_norm`, `trunk`
(of each convolution its `stride` and `padding`, `valid` or `same`), `state_shape`, `dtype` (of a state as it comes), `center`
and `half` (the box's middle and half its width), `reward_scale` (critics answer in units of it), `log_std` (its bounds).
An image is (channels, height, width), or (height, width) with one channel; it is flattened as height, width, channels.
Where labels stand beside the numbers, `choices` holds the labels of each labelled part, a list of lists; else it is missing.

    tanh           a = center + half tanh(actor(x))
    tanh_gaussian  actor gives location and log deviation, side by side: a = center + half tanh(location + deviation * noise)
    gaussian       the same numbers: a = center + half (tanh(location) + deviation * noise), cut off at the box
    scores         no actor: critics give a number for every label

Critics take x and the action side by side, the action as (a - center) / half. What they expect is the least of them.
With `choices` the actor first gives a score for every label, part by part (a part's softmax is its probabilities), then what
the head says of the numbers; critics take a 1 for each label taken and a 0 for every other, in that order, then the numbers.
Letters: n states, d numbers of a state, a numbers of an action, k labels, p labelled parts, h hidden numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Floats
from policyloop.core.policy import Prediction, Tensors

HEADS = ("tanh", "tanh_gaussian", "gaussian", "scores")
WITH_DEVIATION = ("tanh_gaussian", "gaussian")
EPSILON = 1e-5  # of layer norm, added to the variance
ROWS_AT_ONCE = 2**14  # states that are asked about at a time, so that a long table needs no more memory than a short one
IMAGES_AT_ONCE = 2**9


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """An `EpisodePolicy`, and with the head `scores` a reward model too. Immutable, and safe to share between threads."""

    settings: Mapping[str, Any]
    tensors: Tensors
    n_draws: int = 0
    kind: str = "network"

    @property
    def head(self) -> str:
        """One of `HEADS`."""
        return str(self.settings["head"])

    @property
    def n_numbers(self) -> int:
        """How many numbers an action has, a; 0 where actions are labels."""
        return 0 if self.head == "scores" else len(self.settings["center"])

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """(p, k) the labels of each part that stands beside the numbers; none where there are numbers alone."""
        return tuple(tuple(labels) for labels in self.settings.get("choices", ()))

    @property
    def state_shape(self) -> tuple[int, ...]:
        """(d,), or the shape of an image."""
        return tuple(self.settings["state_shape"])

    def act(self, state: NDArray[Any]) -> Floats:
        """(n, a) the action that it would take without exploring, in the action's units.

        (n, p + a) where labels stand beside the numbers: the place of the likeliest label of each part comes first.
        """
        answers = self._answers(state)
        location, _ = self._numbers(answers)
        center, half = self.box()
        numbers: Floats = center + half * np.tanh(location)
        if not self.choices:
            return numbers
        places = [scores.argmax(axis=1)[:, np.newaxis].astype(numbers.dtype) for scores in self._by_part(answers)]
        return np.concatenate([*places, numbers], axis=1)

    def chances(self, state: NDArray[Any]) -> list[NDArray[np.float64]]:
        """(n, k) of each labelled part, the probability of every label by the policy's own distribution."""
        return [softmax(scores) for scores in self._by_part(self._answers(state))]

    def gaussian(self, state: NDArray[Any]) -> tuple[Floats, Floats]:
        """(n, a) mean and standard deviation before squashing; in the action's units where the head is not squashed.

        The deviation is 0 for a policy that never varies.
        """
        location, deviation = self.raw(state)
        if self.head != "gaussian":
            return location, deviation
        center, half = self.box()
        return center + half * np.tanh(location), half * deviation

    def scores(self, state: NDArray[Any]) -> Floats:
        """(n, k) conservative expected return of every label."""
        assert self.head == "scores", f"a network with the head {self.head} has no scores"
        return self._least(self._in_chunks(state))

    def critics(self, state: NDArray[Any]) -> Floats:
        """(j, n, k) what each critic expects of every label; `scores` is the least of them."""
        assert self.head == "scores", f"a network with the head {self.head} has no scores"
        return np.stack(self._expected(self._in_chunks(state)))

    def value(self, state: NDArray[Any], action: NDArray[Any]) -> Floats:
        """(n,) conservative expected discounted return: the least that the critics expect.

        Args:
            state: (n, d)
            action: (n, a) numbers in the action's units, or (n,) places of labels; or (n, p + a) both, as `act` gives them.
        """
        if self.head == "scores":
            places = np.asarray(action, dtype=np.intp).reshape(-1, 1)
            return np.take_along_axis(self.scores(state), places, axis=1)[:, 0]
        wanted = self._told(action)
        hidden, start = [], 0
        for some in self._in_chunks(state):
            hidden.append(np.concatenate([some, wanted[start : start + len(some)]], axis=1))
            start += len(some)
        return self._least(hidden)[:, 0]

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """Scores of every label for features of shape (d,) or (n, d), in float64: one alone is scored as among many."""
        states = np.asarray(features).reshape(-1, *self.state_shape)
        exact = Network(self.settings, {name: tensor.astype(np.float64) for name, tensor in self.tensors.items()})
        mean = exact.scores(states)
        return Prediction(np.asarray(mean[0] if features.ndim == len(self.state_shape) else mean, dtype=np.float64))

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors)."""
        return dict(self.settings), dict(self.tensors)

    def box(self) -> tuple[Floats, Floats]:
        """(a,) the middle of the box that actions lie in, and half its width."""
        return np.asarray(self.settings["center"], np.float32), np.asarray(self.settings["half"], np.float32)

    def raw(self, state: NDArray[Any]) -> tuple[Floats, Floats]:
        """(n, a) location and standard deviation as the actor gives them: before the tanh, and not in the action's units."""
        return self._numbers(self._answers(state))

    def _answers(self, state: NDArray[Any]) -> Floats:
        """(n, out) all that the actor says."""
        assert self.head != "scores", "a network over labels has no actor"
        return np.concatenate([self._dense("actor", hidden) for hidden in self._in_chunks(state)])

    def _numbers(self, answers: Floats) -> tuple[Floats, Floats]:
        """(n, a) location and standard deviation, of what the actor says."""
        of_numbers = answers[:, sum(map(len, self.choices)) :]
        if self.head not in WITH_DEVIATION:
            return of_numbers, np.zeros_like(of_numbers)
        location, log_std = np.split(of_numbers, 2, axis=1)
        return location, np.exp(np.clip(log_std, *self.settings["log_std"]))

    def _by_part(self, answers: Floats) -> list[Floats]:
        """(n, k) the scores of each labelled part, of what the actor says."""
        sizes = [len(labels) for labels in self.choices]
        return [answers[:, end - k : end] for k, end in zip(sizes, accumulate(sizes), strict=True)]

    def _told(self, action: NDArray[Any]) -> Floats:
        """(n, m) actions as critics take them."""
        p, (center, half) = len(self.choices), self.box()
        rows = np.asarray(action, dtype=np.float32).reshape(-1, p + len(center))
        ones = [np.eye(len(labels), dtype=np.float32)[rows[:, i].astype(np.intp)] for i, labels in enumerate(self.choices)]
        return np.concatenate([*ones, (rows[:, p:] - center) / half], axis=1)

    def _in_chunks(self, state: NDArray[Any]) -> list[Floats]:
        """What actor and critics see of the states: standardised, and through the trunk where there is one; (some, h) each."""
        size = IMAGES_AT_ONCE if self.settings["trunk"] else ROWS_AT_ONCE
        states = np.asarray(state).reshape(-1, *self.state_shape)
        starts = range(0, max(len(states), 1), size)
        return [self._seen(states[start : start + size]) for start in starts]

    def _seen(self, state: NDArray[Any]) -> Floats:
        """(n, h) of a chunk."""
        mean, scale = self.tensors["state.mean"], self.tensors["state.scale"]
        x: Floats = ((state.astype(mean.dtype) - mean) / scale).astype(mean.dtype, copy=False)
        if not self.settings["trunk"]:
            return np.asarray(x.reshape(len(x), math.prod(self.state_shape)))
        image = x[:, np.newaxis] if x.ndim == 3 else x
        seen: Floats = np.moveaxis(image, 1, -1)
        for i, layer in enumerate(self.settings["trunk"]):
            w, b = self.tensors[f"trunk.{i}.w"], self.tensors[f"trunk.{i}.b"]
            seen = np.maximum(convolved(seen, w, stride=layer["stride"], padding=layer.get("padding", "valid")) + b, 0)
        return np.asarray(seen.reshape(len(seen), -1))

    def _dense(self, name: str, x: Floats) -> Floats:
        """(n, out) of a chunk: the actor's answer, or a critic's."""
        y: Floats = x
        last = self.settings["n_layers"] - 1
        for i in range(last + 1):
            y = y @ self.tensors[f"{name}.{i}.w"] + self.tensors[f"{name}.{i}.b"]
            if i == last:
                break
            if f"{name}.{i}.g" in self.tensors:
                y = normed(y) * self.tensors[f"{name}.{i}.g"] + self.tensors[f"{name}.{i}.h"]
            y = np.maximum(y, 0)
        return y

    def _least(self, hidden: Sequence[Floats]) -> Floats:
        """(n, out) the least that the critics expect, in the loop's reward unit."""
        least: Floats = np.minimum.reduce(self._expected(hidden))
        return least

    def _expected(self, hidden: Sequence[Floats]) -> list[Floats]:
        """(n, out) of every critic, in the loop's reward unit."""
        unit = hidden[0].dtype.type(self.settings["reward_scale"])
        names = [f"critic{j}" for j in range(self.settings["n_critics"])]
        return [np.concatenate([self._dense(name, x) for x in hidden]) * unit for name in names]


def softmax(scores: Floats) -> NDArray[np.float64]:
    """(n, k) probabilities from scores, each row with a sum of 1 to the last digits."""
    exact = scores.astype(np.float64)
    raised = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def normed(x: Floats) -> Floats:
    """Every row with mean 0 and variance 1, as layer norm does before gain and shift."""
    mean = x.mean(axis=1, keepdims=True)
    spread = np.square(x - mean).mean(axis=1, keepdims=True)
    return np.asarray((x - mean) / np.sqrt(spread + x.dtype.type(EPSILON)))


def convolved(x: Floats, kernel: Floats, *, stride: int, padding: str) -> Floats:
    """(n, rows, columns, out) of images (n, height, width, in); `same` keeps the size where the stride is 1.

    Args:
        kernel: (height, width, in, out); not turned round.
        padding: `valid`, or `same`: with zeros all round, the odd one at the end.
    """
    height, width = kernel.shape[:2]
    if padding == "same":
        around = [(0, 0), padded(x.shape[1], height, stride), padded(x.shape[2], width, stride), (0, 0)]
        return convolved(np.pad(x, around), kernel, stride=stride, padding="valid")
    windows = np.lib.stride_tricks.sliding_window_view(x, (height, width), axis=(1, 2))[:, ::stride, ::stride]
    swept: Floats = np.tensordot(windows, kernel, axes=([4, 5, 3], [0, 1, 2]))
    return swept


def padded(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """How many zeros `same` puts before and after one side of an image."""
    missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return missing // 2, missing - missing // 2
