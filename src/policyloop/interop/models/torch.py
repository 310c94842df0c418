"""A PyTorch module's state as safetensors, and a JSON file; `TorchPolicy.read(FILE)` of this file makes the module again.

Question answered: how does a PyTorch program ask, or go on training, what was learned here? There is no pickle in it.
Letters: n states, a numbers of an action, k labels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.core.policy import Tensors
from policyloop.interop.model_parts import ModelParts
from policyloop.policy.network import EPSILON, WITH_DEVIATION, Network, padded
from policyloop.policy.policies import network as networks

DESCRIPTION = ".json"  # added to the file's name


class TorchPolicy(torch.nn.Module):  # type: ignore[misc]
    """The network as a module: actor, critics and trunk are layers of torch, so it can be trained further."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        settings, tensors = network.settings, network.tensors
        self.settings = dict(settings)
        for name in ("mean", "scale"):
            self.register_buffer(f"state_{name}", torch.from_numpy(tensors[f"state.{name}"].copy()))
        for name in ("center", "half"):
            self.register_buffer(f"box_{name}", torch.tensor(settings[name], dtype=torch.float32))
        self.trunk = torch.nn.ModuleList(_conv(tensors, i, one["stride"]) for i, one in enumerate(settings["trunk"]))
        n, is_labels = settings["n_layers"], network.head == "scores"
        self.actor = torch.nn.ModuleList() if is_labels else _dense(tensors, "actor", n)
        self.critics = torch.nn.ModuleList(_dense(tensors, f"critic{j}", n) for j in range(settings["n_critics"]))

    @classmethod
    def read(cls, file: str | Path) -> TorchPolicy:
        """The module of an exported file; the description lies beside it."""
        path = Path(file)
        settings = json.loads(path.with_name(path.name + DESCRIPTION).read_text(encoding="utf-8"))["settings"]
        return cls(networks.load(settings, _ours(settings, safetensors.numpy.load(path.read_bytes()))))

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """(n, a) the action without exploring; of labels (n, k) the scores."""
        seen = self.seen(state)
        if self.settings["head"] == "scores":
            return self._least([_through(critic, seen) for critic in self.critics])
        location = _through(self.actor, seen)[:, : len(self.box_center)]
        return self.box_center + self.box_half * torch.tanh(location)

    def gaussian(self, state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, a) location and standard deviation as the actor gives them: before the tanh, as a share of half the box."""
        answer = _through(self.actor, self.seen(state))
        if self.settings["head"] not in WITH_DEVIATION:
            return answer, torch.zeros_like(answer)
        location, log_std = answer.chunk(2, dim=1)
        return location, log_std.clamp(*self.settings["log_std"]).exp()

    def value(self, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """(n,) the least that the critics expect of actions (n, a)."""
        both = torch.cat([self.seen(state), (action - self.box_center) / self.box_half], dim=1)
        return self._least([_through(critic, both) for critic in self.critics])[:, 0]

    def seen(self, state: torch.Tensor) -> torch.Tensor:
        """(n, h) what actor and critics look at."""
        x = (state.float() - self.state_mean) / self.state_scale
        if not self.settings["trunk"]:
            return x.flatten(1)
        image = x[:, None] if x.ndim == 3 else x
        for layer, told in zip(self.trunk, self.settings["trunk"], strict=True):
            if told.get("padding", "valid") == "same":
                rows, columns = (padded(image.shape[2 + i], layer.kernel_size[i], told["stride"]) for i in range(2))
                image = torch.nn.functional.pad(image, (*columns, *rows))
            image = torch.relu(layer(image))
        return image.permute(0, 2, 3, 1).flatten(1)

    def _least(self, expected: list[torch.Tensor]) -> torch.Tensor:
        return torch.stack(expected).amin(dim=0) * self.settings["reward_scale"]


def files(parts: ModelParts, *, is_stochastic: bool) -> dict[str, bytes]:
    """The two files: the module's state under no further suffix, the description under `.json`.

    Raises:
        Invalid: it is to be stochastic: a module says both; or its actions are labels and numbers at once.
    """
    if is_stochastic:
        raise Invalid([Fault("--stochastic", "is for onnx; a module's `gaussian` says how much it varies. Leave it out.")])
    if parts.network.choices:
        raise Invalid([Fault("torch", "is for labels or for numbers, not for both at once; expected onnx or safetensors.")])
    state = {name: tensor.numpy() for name, tensor in TorchPolicy(parts.network).state_dict().items()}
    told = msgspec.json.format(msgspec.json.encode(parts.description()), indent=2)
    return {
        "": safetensors.numpy.save({name: np.ascontiguousarray(one) for name, one in state.items()}),
        DESCRIPTION: told + b"\n",
    }


def _dense(tensors: Tensors, name: str, n_layers: int) -> torch.nn.ModuleList:
    """Affine maps and, between them, layer norms where there are some."""
    layers = []
    for i in range(n_layers):
        w, b = tensors[f"{name}.{i}.w"], tensors[f"{name}.{i}.b"]
        layers.append(_filled(torch.nn.Linear(*w.shape), w.T, b))
        if f"{name}.{i}.g" in tensors:
            norm = torch.nn.LayerNorm(w.shape[1], eps=EPSILON)
            layers.append(_filled(norm, tensors[f"{name}.{i}.g"], tensors[f"{name}.{i}.h"]))
    return torch.nn.ModuleList(layers)


def _conv(tensors: Tensors, i: int, stride: int) -> torch.nn.Conv2d:
    kernel = tensors[f"trunk.{i}.w"]
    rows, columns, n_in, n_out = kernel.shape
    layer = torch.nn.Conv2d(n_in, n_out, (rows, columns), stride=stride)
    return _filled(layer, kernel.transpose(3, 2, 0, 1), tensors[f"trunk.{i}.b"])


def _filled(layer: Any, weight: NDArray[Any], bias: NDArray[Any]) -> Any:
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(weight)))
        layer.bias.copy_(torch.from_numpy(np.ascontiguousarray(bias)))
    return layer


def _through(layers: torch.nn.ModuleList, x: torch.Tensor) -> torch.Tensor:
    """Layer by layer, with a relu before each affine map but the first."""
    y = x
    for place, layer in enumerate(layers):
        if place > 0 and isinstance(layer, torch.nn.Linear):
            y = torch.relu(y)
        y = layer(y)
    return y


def _ours(settings: dict[str, Any], state: Tensors) -> Tensors:
    """A module's state by our own names."""
    tensors: Tensors = {"state.mean": state["state_mean"], "state.scale": state["state_scale"]}
    for i in range(len(settings["trunk"])):
        tensors |= {f"trunk.{i}.w": state[f"trunk.{i}.weight"].transpose(2, 3, 1, 0), f"trunk.{i}.b": state[f"trunk.{i}.bias"]}
    heads = [(f"critic{j}", f"critics.{j}") for j in range(settings["n_critics"])]
    for ours, theirs in [*heads, *([] if settings["head"] == "scores" else [("actor", "actor")])]:
        place = 0
        for i in range(settings["n_layers"]):
            tensors |= {f"{ours}.{i}.w": state[f"{theirs}.{place}.weight"].T, f"{ours}.{i}.b": state[f"{theirs}.{place}.bias"]}
            place += 1
            if state.get(f"{theirs}.{place}.weight", np.zeros((1, 1))).ndim == 1:  # a layer norm
                norm = f"{theirs}.{place}"
                tensors |= {f"{ours}.{i}.g": state[f"{norm}.weight"], f"{ours}.{i}.h": state[f"{norm}.bias"]}
                place += 1
    return tensors
