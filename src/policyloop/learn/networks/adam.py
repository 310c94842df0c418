"""Adam: how far every weight goes down a loss, and how a target follows.

Question answered: how far does each weight go in one update?
Source: Kingma & Ba 2015 (arXiv:1412.6980), algorithm 1; targets that follow slowly: Lillicrap et al. 2016 (arXiv:1509.02971).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

_KEPT, _KEPT_SQUARES = 0.9, 0.999  # beta_1, beta_2
_TINY = 1e-8


class Moments(NamedTuple):
    """Running means of gradients and of their squares, and of how many."""

    mean: Any
    square: Any
    n: Array


def moments_of(weights: Any) -> Moments:
    """Before any gradient."""
    zeros = jax.tree.map(lambda tensor: jnp.asarray(np.zeros(tensor.shape, np.float32)), weights)
    return Moments(zeros, zeros, jnp.int32(0))


def step(weights: Any, moments: Moments, gradient: Any, rate: Array) -> tuple[Any, Moments]:
    """The weights after one step down the gradient."""
    n = moments.n + 1
    mean = jax.tree.map(lambda m, g: _KEPT * m + (1 - _KEPT) * g, moments.mean, gradient)
    square = jax.tree.map(lambda v, g: _KEPT_SQUARES * v + (1 - _KEPT_SQUARES) * g * g, moments.square, gradient)
    length = rate / (1 - _KEPT**n)
    widened = 1 / (1 - _KEPT_SQUARES**n)
    after = jax.tree.map(lambda w, m, v: w - length * m / (jnp.sqrt(v * widened) + _TINY), weights, mean, square)
    return after, Moments(mean, square, n)


def followed(target: Any, weights: Any, rate: Array) -> Any:
    """The target a share nearer to the weights."""
    return jax.tree.map(lambda t, w: t + rate * (w - t), target, weights)
