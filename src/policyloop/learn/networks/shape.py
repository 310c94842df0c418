"""The shape of a learner's networks: what goes in, what comes out, how wide and how deep. It decides what is compiled.

Question answered: which learners share what was compiled?
Two learners of one shape share the compiled update, and can be trained side by side (population.py).
Letters: d numbers of a state, a numbers of an action, k labels, h hidden numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from policyloop.core.episode import Transitions
from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.layers import Layers, answer, convolutions, dense, looked

_FIRST_STRIDE, _NEXT_STRIDE = 1, 2  # the first convolution sees every pixel, each one after it halves the image
_MOST = {"replay": 100_000_000, "width": 8192, "depth": 16, "batch": 2**20}

Weights = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of networks; nothing that can be learned or tuned as a number."""

    state: tuple[int, ...]  # (d,), (height, width) or (channels, height, width)
    dtype: str  # of a state as it comes
    n_numbers: int  # a
    n_labels: int  # k
    width: int
    depth: int  # hidden layers
    layer_norm: bool  # of critics
    channels: tuple[int, ...]  # of the trunk's convolutions; none where states are no images
    choices: tuple[int, ...] = ()  # labels of each labelled part that stands beside the numbers

    @property
    def n_told(self) -> int:
        """Numbers by which critics are told of an action: a 0 or 1 for every label beside its numbers, and these."""
        return sum(self.choices) + self.n_numbers

    @property
    def strides(self) -> tuple[int, ...]:
        """Of the trunk's convolutions."""
        return tuple(_NEXT_STRIDE if i else _FIRST_STRIDE for i in range(len(self.channels)))

    @property
    def n_seen(self) -> int:
        """Numbers that actor and critics get of a state, h."""
        if not self.channels:
            return math.prod(self.state)
        height, width = self.state[-2:]
        for stride in self.strides:
            height, width = -(-height // stride), -(-width // stride)
        return height * width * self.channels[-1]

    def trunk(self, rng: np.random.Generator) -> Layers:
        """Weights of the convolutions; none where states are no images."""
        return convolutions(rng, self.state[0] if len(self.state) == 3 else 1, self.channels) if self.channels else []

    def network(self, rng: np.random.Generator, *, n_more: int = 0, n_out: int, layer_norm: bool = False) -> Layers:
        """Weights of an actor, a critic or the like, which gets `n_more` numbers beside the state."""
        sizes = [self.n_seen + n_more, *[self.width] * self.depth, n_out]
        return dense(rng, sizes, layer_norm=layer_norm)

    def critics(self, rng: np.random.Generator, n_critics: int) -> list[Layers]:
        """Of (state, action) with one answer, or of a state with an answer for every label."""
        n_out = self.n_labels or 1
        return [self.network(rng, n_more=self.n_told, n_out=n_out, layer_norm=self.layer_norm) for _ in range(n_critics)]

    def seen(self, trunk: Layers, state: Array) -> Array:
        """(n, h) what actor and critics get of standardised states."""
        return looked(trunk, state, self.strides) if self.channels else state.reshape(len(state), -1)


def shape_of(
    history: Transitions, actions: ActionSpec, *, width: int, depth: int, layer_norm: bool, channels: Sequence[int]
) -> Shape:
    """The shape that suits a history; `channels` counts where states are images alone.

    Raises:
        BadSetting: a size is no whole number above 0, or beyond what makes sense.
    """
    state = history.state.shape[1:]
    for name, size in {"width": width, "depth": depth, **{f"channels[{i}]": size for i, size in enumerate(channels)}}.items():
        check_whole(name, size)
    return Shape(
        state=state,
        dtype="uint8" if history.state.dtype == "uint8" else "float32",
        n_numbers=len(actions.box),
        n_labels=len(actions.labels),
        choices=tuple(len(part.labels) for part in actions.choices),
        width=int(width),
        depth=int(depth),
        layer_norm=bool(layer_norm),
        channels=tuple(int(size) for size in channels) if len(state) > 1 else (),
    )


def check_whole(name: str, size: int) -> None:
    """That a setting is a whole number from 1.

    Raises:
        BadSetting: it is not.
    """
    most = _MOST.get(name, 4096)
    if isinstance(size, bool) or int(size) != size or not 1 <= size <= most:
        raise BadSetting(f"learner.{name} is {size}; expected a whole number from 1 to {most}.")


def values_of(critics: Sequence[Layers], seen: Array, action: Array) -> Array:
    """(j, ...) what each critic expects of actions: (n, n_told) as many as states, or (s, n, n_told) several of each."""
    around = jnp.broadcast_to(seen, (*action.shape[:-1], seen.shape[-1]))
    both = jnp.concatenate([around, action], axis=-1)
    return jnp.stack([answer(critic, both)[..., 0] for critic in critics])


def scores_of(critics: Sequence[Layers], seen: Array) -> Array:
    """(j, n, k) what each critic expects of every label."""
    return jnp.stack([answer(critic, seen) for critic in critics])
