"""Layers: weights as plain lists, and what they answer; the same numbers as policy/network.py, to rounding.

Question answered: what does a network answer to these states, in a form that a gradient can be taken of?
A list of layers is a network: affine maps, with a relu after each but the last, and a layer norm before that relu where there
is a gain. Convolutions look at images as (n, height, width, channels).
Letters: n states, h hidden numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from policyloop.policy.network import EPSILON

Layers = list[dict[str, Array]]

KERNEL = 3  # pixels, each way


def dense(rng: np.random.Generator, sizes: Sequence[int], *, layer_norm: bool = False) -> Layers:
    """Affine maps between the sizes, uniform within one over the root of their inputs."""
    layers: Layers = []
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        within = 1 / math.sqrt(n_in)
        layer = {"w": _even(rng, within, n_in, n_out), "b": _even(rng, within, n_out)}
        if layer_norm and i < len(sizes) - 2:
            layer |= {"g": jnp.asarray(np.ones(n_out, np.float32)), "h": jnp.asarray(np.zeros(n_out, np.float32))}
        layers.append(layer)
    return layers


def convolutions(rng: np.random.Generator, n_in: int, channels: Sequence[int]) -> Layers:
    """Square kernels, one after another."""
    layers: Layers = []
    for inner, outer in pairwise([n_in, *channels]):
        within = math.sqrt(6 / (KERNEL * KERNEL * inner))  # He et al. 2015: relu keeps the spread
        kernel = _even(rng, within, KERNEL, KERNEL, inner, outer)
        layers.append({"w": kernel, "b": jnp.asarray(np.zeros(outer, np.float32))})
    return layers


def answer(layers: Layers, x: Array) -> Array:
    """(..., out) of (..., in)."""
    y = x.reshape(-1, x.shape[-1])  # one matrix: a stack of them takes a quarter longer
    for layer in layers[:-1]:
        y = y @ layer["w"] + layer["b"]
        y = jax.nn.relu(_normed(y) * layer["g"] + layer["h"] if "g" in layer else y)
    out = y @ layers[-1]["w"] + layers[-1]["b"]
    return out.reshape(*x.shape[:-1], out.shape[-1])


def looked(layers: Layers, image: Array, strides: Sequence[int]) -> Array:
    """(n, h) what a trunk of convolutions makes of images: (n, channels, height, width), or (n, height, width)."""
    y = jnp.moveaxis(image[:, jnp.newaxis] if image.ndim == 3 else image, 1, -1)
    for layer, stride in zip(layers, strides, strict=True):
        y = jax.lax.conv_general_dilated(y, layer["w"], (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
        y = jax.nn.relu(y + layer["b"])
    return y.reshape(len(y), -1)


def _even(rng: np.random.Generator, within: float, *shape: int) -> Array:
    """Drawn by NumPy, which needs no compiling."""
    return jnp.asarray(rng.uniform(-within, within, shape).astype(np.float32))


def _normed(x: Array) -> Array:
    """Every row with mean 0 and variance 1."""
    centered = x - x.mean(axis=-1, keepdims=True)
    return centered * jax.lax.rsqrt(jnp.square(centered).mean(axis=-1, keepdims=True) + EPSILON)
