"""What every method tells of rows, in the same words: what is expected of the actions of the data, and how wrong that is.

Question answered: how do learners of different methods stand, so that they can be compared?
Letters: n rows, j critics.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array

from policyloop.learn.networks.method import Told


def told_about(values: Array, *, own: Array, td_error: Array, conservative: Array) -> Told:
    """A diagnosis.

    Args:
        values: (j, n) what the critics that are handed out expect of the data's actions.
        own: (j, n) the same of the actions that the policy would take.
        td_error: mean square of what the critics are wrong by.
        conservative: by how much the method holds back; each method says what that is.
    """
    least = values.min(axis=0)
    return {
        "q_mean": least.mean(),
        "q_min": least.min(),
        "q_max": least.max(),
        "q_policy": own.min(axis=0).mean(),
        "td_error": td_error,
        "conservative": conservative,
    }


def squared_errors(values: Array, wanted: Array) -> Array:
    """(j,) mean square of what each critic is wrong by."""
    return jnp.square(values - wanted).mean(axis=1)
