"""Actors that vary: a bell before or after squashing, how actions are drawn from it, and how likely an action is.

Question answered: which action, with which log probability? `squashed` draws before the tanh, so that no action lies outside
the box; `bell` has its middle in the box and its tails outside, which is what iql learns by.
Source: Haarnoja et al. 2018 (arXiv:1801.01290), appendix C.
Letters: s draws, n states, a numbers of an action.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array

from policyloop.learn.networks.layers import Layers, answer

LOG_STD = (-5.0, 2.0)  # bounds of the log deviation
_LOG_ROOT = 0.5 * math.log(2 * math.pi)


def bells(actor: Layers, seen: Array) -> tuple[Array, Array]:
    """(n, a) location and log deviation, before squashing."""
    location, log_std = jnp.split(answer(actor, seen), 2, axis=-1)
    return location, jnp.clip(log_std, *LOG_STD)


def squashed(location: Array, log_std: Array, noise: Array) -> tuple[Array, Array]:
    """(..., a) actions in (-1, 1), and (...) their log densities, from standard normal noise (..., a)."""
    z = location + jnp.exp(log_std) * noise
    of_z = -0.5 * jnp.square(noise) - log_std - _LOG_ROOT
    slope = 2 * (math.log(2) - z - jax.nn.softplus(-2 * z))  # log(1 - tanh(z)^2), which rounding does not harm
    return jnp.tanh(z), (of_z - slope).sum(axis=-1)


def log_density(location: Array, log_std: Array, action: Array) -> Array:
    """(n,) of actions under a bell around the squashed location."""
    z = (action - jnp.tanh(location)) / jnp.exp(log_std)
    return (-0.5 * jnp.square(z) - log_std - _LOG_ROOT).sum(axis=-1)
