"""Network: a small neural network that looks ahead; it acts in a box of numbers, or scores every label by what follows.

Question answered: which files are a network, and do they fit together? How it is asked is in policy/network.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from policyloop.core.errors import BadModel, unknown
from policyloop.core.policy import Tensors
from policyloop.policy.network import HEADS, WITH_DEVIATION, Network, padded
from policyloop.policy.onnx_network import OnnxNetwork

_MAX_LAYERS = 64
_MAX_CRITICS = 64
_AGAIN = "Train it again, or copy it again."


def specimen(*, n_actions: int, n_features: int, n_draws: int, rng: np.random.Generator) -> Network:
    """A network of random weights over labels, for contract tests; it has no posterior draws."""
    return random_network(head="scores", state_shape=(n_features,), n_outputs=n_actions, rng=rng)


def random_network(
    *,
    head: str,
    state_shape: tuple[int, ...],
    n_outputs: int,
    rng: np.random.Generator,
    width: int = 8,
    layer_norm: bool = False,
    channels: tuple[int, ...] = (),
    choices: tuple[tuple[str, ...], ...] = (),
) -> Network:
    """A network of random weights, with three layers and two critics, for tests and for the first numbers of a line.

    Args:
        n_outputs: labels, or numbers of an action; the box is then -1 to 1 in each.
        channels: of the convolutions, 3 x 3 each, where states are images.
        choices: labels of the parts that stand beside the numbers.
    """
    n_numbers = 0 if head == "scores" else n_outputs
    settings = {
        "head": head,
        "n_layers": 3,
        "n_critics": 2,
        "layer_norm": layer_norm,
        "trunk": [{"stride": 1, "padding": "same"} for _ in channels],
        "state_shape": list(state_shape),
        "dtype": "float32",
        "center": [0.0] * n_numbers,
        "half": [1.0] * n_numbers,
        "reward_scale": 1.0,
        "log_std": [-5.0, 2.0],
        **({"choices": [list(labels) for labels in choices]} if choices else {}),
    }
    tensors = {
        name: (rng.normal(size=shape) / math.sqrt(max(math.prod(shape[:-1]), 1))).astype(np.float32)
        for name, shape in shapes_of(settings, width=width, n_outputs=n_outputs, channels=channels).items()
    }
    tensors["state.scale"] = np.abs(tensors["state.scale"]) + np.float32(0.5)
    return load(settings, tensors)


def shapes_of(
    settings: Mapping[str, Any], *, width: int, n_outputs: int, channels: tuple[int, ...] = ()
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a network with these settings, hidden layers of one width, and 3 x 3 convolutions."""
    state = tuple(settings["state_shape"])
    shapes = {"state.mean": state, "state.scale": state}
    n_in = state[0] if len(state) == 3 else 1
    for i, n_out in enumerate(channels):
        shapes |= {f"trunk.{i}.w": (3, 3, n_in, n_out), f"trunk.{i}.b": (n_out,)}
        n_in = n_out
    n_seen = math.prod(_image_after(settings, shapes)) if channels else math.prod(state)
    is_labels = settings["head"] == "scores"
    n_beside = sum(map(len, settings.get("choices", ())))
    if not is_labels:
        n_answers = n_beside + n_outputs * (2 if settings["head"] in WITH_DEVIATION else 1)
        shapes |= _dense_shapes("actor", [n_seen, *[width] * (settings["n_layers"] - 1), n_answers], norm=False)
    for j in range(settings["n_critics"]):
        first, last = (n_seen, n_outputs) if is_labels else (n_seen + n_beside + n_outputs, 1)
        widths = [first, *[width] * (settings["n_layers"] - 1), last]
        shapes |= _dense_shapes(f"critic{j}", widths, norm=settings["layer_norm"])
    return shapes


def load(settings: dict[str, Any], tensors: Tensors) -> Network:
    """The inverse of `save`.

    Raises:
        BadModel: a setting or a tensor is missing, has another shape than the rest asks for, or is not finite.
    """
    _check_settings(settings)
    for name, tensor in tensors.items():
        _check(np.isfinite(tensor).all(), f"its tensor '{name}' is not finite everywhere; expected numbers")
    state = tuple(settings["state_shape"])
    for name in ("state.mean", "state.scale"):
        _check_shape(tensors, name, state)
    _check((tensors["state.scale"] > 0).all(), "its 'state.scale' is not above 0 everywhere")
    for i in range(len(settings["trunk"])):
        _check_conv(tensors, i)
    n_seen = (
        math.prod(_image_after(settings, {name: t.shape for name, t in tensors.items()}))
        if settings["trunk"]
        else math.prod(state)
    )
    n_numbers = len(settings["center"])
    if settings["head"] == "scores":
        outputs = {_check_dense(settings, tensors, f"critic{j}", n_seen) for j in range(settings["n_critics"])}
        _check(len(outputs) == 1, "its critics score different numbers of labels")
    else:
        n_beside = sum(map(len, settings.get("choices", ())))
        n_answers = n_beside + n_numbers * (2 if settings["head"] in WITH_DEVIATION else 1)
        found = _check_dense(settings, tensors, "actor", n_seen)
        _check(found == n_answers, f"its actor gives {found} numbers; expected {n_answers} for {n_numbers} of an action")
        for j in range(settings["n_critics"]):
            found = _check_dense(settings, tensors, f"critic{j}", n_seen + n_beside + n_numbers)
            _check(found == 1, f"its critic {j} gives {found} numbers; expected one")
    return Network(settings, tensors)


def served(network: Network) -> OnnxNetwork:
    """The network as it serves: by onnxruntime, one state at a time."""
    return OnnxNetwork(network)


def _check_settings(settings: Mapping[str, Any]) -> None:
    _check(settings.get("head") in HEADS, unknown("head", str(settings.get("head")), HEADS))
    for name, most in (("n_layers", _MAX_LAYERS), ("n_critics", _MAX_CRITICS)):
        found = settings.get(name)
        _check(isinstance(found, int) and 1 <= found <= most, f"its {name} is {found}; expected 1 to {most}")
    for name in ("trunk", "state_shape", "center", "half", "log_std"):
        _check(isinstance(settings.get(name), list | tuple), f"its setting '{name}' is {settings.get(name)!r}; expected a list")
    for layer in settings["trunk"]:
        is_known = isinstance(layer, dict) and isinstance(layer.get("stride"), int) and layer["stride"] >= 1
        _check(is_known and layer.get("padding", "valid") in ("valid", "same"), f"its trunk has a layer {layer!r}")
    shape = settings["state_shape"]
    _check(bool(shape) and all(isinstance(size, int) and size >= 1 for size in shape), f"its states have the shape {shape}")
    _check(not settings["trunk"] or len(shape) in (2, 3), f"its trunk looks at images; its states have the shape {shape}")
    _check(len(settings["center"]) == len(settings["half"]), "its box has other middles than widths")
    _check(all(half > 0 for half in settings["half"]), "its box has no width")
    _check(bool(settings["center"]) != (settings["head"] == "scores"), "a box is there just where the head is not 'scores'")
    _check_choices(settings)
    numbers = [*settings["center"], *settings["half"], *settings["log_std"], settings.get("reward_scale")]
    _check(
        all(isinstance(one, int | float) and math.isfinite(one) for one in numbers), "a number among its settings is not one"
    )
    _check(len(settings["log_std"]) == 2 and settings["reward_scale"] > 0, "log_std needs two bounds, reward_scale is above 0")


def _check_choices(settings: Mapping[str, Any]) -> None:
    choices = settings.get("choices", [])
    is_lists = isinstance(choices, list | tuple) and all(isinstance(labels, list | tuple) and labels for labels in choices)
    _check(is_lists and all(isinstance(label, str) for labels in choices for label in labels), f"its choices are {choices!r}")
    _check(not choices or settings["head"] != "scores", "labels stand beside numbers, of which the head 'scores' has none")


def _check_conv(tensors: Tensors, i: int) -> None:
    name = f"trunk.{i}.w"
    _check(name in tensors and tensors[name].ndim == 4, f"its kernel '{name}' is missing or has no four dimensions")
    _check_shape(tensors, f"trunk.{i}.b", tensors[name].shape[3:])


def _check_dense(settings: Mapping[str, Any], tensors: Tensors, name: str, n_in: int) -> int:
    """How many numbers an actor or a critic gives, when its layers fit one to another."""
    n_before = n_in
    for i in range(settings["n_layers"]):
        weights = tensors.get(f"{name}.{i}.w")
        _check(weights is not None and weights.ndim == 2, f"its tensor '{name}.{i}.w' is missing or has no two dimensions")
        assert weights is not None
        _check(weights.shape[0] == n_before, f"its '{name}.{i}.w' takes {weights.shape[0]} numbers; expected {n_before}")
        n_before = weights.shape[1]
        _check_shape(tensors, f"{name}.{i}.b", (n_before,))
        if settings.get("layer_norm") and name != "actor" and i < settings["n_layers"] - 1:
            _check_shape(tensors, f"{name}.{i}.g", (n_before,))
            _check_shape(tensors, f"{name}.{i}.h", (n_before,))
    return n_before


def _check_shape(tensors: Tensors, name: str, shape: tuple[int, ...]) -> None:
    _check(name in tensors, f"its tensor '{name}' is missing")
    _check(tensors[name].shape == shape, f"its tensor '{name}' has the shape {tensors[name].shape}; expected {shape}")


def _check(is_true: object, what: str) -> None:
    if not is_true:
        raise BadModel(f"the network does not fit together: {what}. {_AGAIN}")


def _image_after(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, int, int]:
    """Height, width and channels after the trunk.

    Raises:
        BadModel: a kernel takes other channels than it gets, or is larger than its image.
    """
    state = tuple(settings["state_shape"])
    n_channels, height, width = state if len(state) == 3 else (1, *state)
    for i, layer in enumerate(settings["trunk"]):
        rows, columns, n_in, n_out = shapes[f"trunk.{i}.w"]
        _check(n_in == n_channels, f"its 'trunk.{i}.w' takes {n_in} channels; expected {n_channels}")
        stride, is_same = layer["stride"], layer.get("padding", "valid") == "same"
        height += sum(padded(height, rows, stride)) if is_same else 0
        width += sum(padded(width, columns, stride)) if is_same else 0
        _check(height >= rows and width >= columns, f"its 'trunk.{i}.w' is larger than what it looks at")
        height, width, n_channels = (height - rows) // stride + 1, (width - columns) // stride + 1, n_out
    return height, width, n_channels


def _dense_shapes(name: str, widths: list[int], *, norm: bool) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        shapes |= {f"{name}.{i}.w": (n_in, n_out), f"{name}.{i}.b": (n_out,)}
        if norm and i < len(widths) - 2:
            shapes |= {f"{name}.{i}.g": (n_out,), f"{name}.{i}.h": (n_out,)}
    return shapes
