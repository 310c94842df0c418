"""Labels beside numbers: how critics are told of an action that has both, and what an actor says of its labels.

Question answered: which action is likeliest, and how likely are the labels that were taken? An action is a row of numbers: for
each labelled part a 1 at the label taken and a 0 at every other, and after all of these the numbers, in [-1, 1]. An actor
answers in the same order: a score for every label, then what it says of the numbers. Given the state, parts are drawn
independently of one another. Of actions that are numbers alone all of this is the numbers.
Letters: n states, a numbers of an action, p labelled parts, k labels of a part, m labels of all parts together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import jax
import jax.numpy as jnp
from jax import Array


def parted(row: Array, choices: Sequence[int]) -> tuple[Array, Array]:
    """(..., m) what belongs to labels and (...) what belongs to numbers, of an action or of an actor's answer.

    Args:
        choices: (p,) how many labels each part has.
    """
    m = sum(choices)
    return row[..., :m], row[..., m:]


def likeliest(answered: Array, choices: Sequence[int]) -> Array:
    """(n, m + a) the action that an actor takes without exploring, from its answer (n, m + a) before squashing."""
    scores, location = parted(answered, choices)
    taken = [jax.nn.one_hot(of_part.argmax(axis=-1), of_part.shape[-1]) for of_part in _by_part(scores, choices)]
    return jnp.concatenate([*taken, jnp.tanh(location)], axis=-1)


def log_chance(scores: Array, taken: Array, choices: Sequence[int]) -> Array | float:
    """(n,) the log of the probability of the labels taken (n, m), by their scores (n, m); 0 without labelled parts."""
    pairs = zip(_by_part(scores, choices), _by_part(taken, choices), strict=True)
    return sum(((jax.nn.log_softmax(of_part) * ones).sum(axis=-1) for of_part, ones in pairs), start=0.0)


def _by_part(row: Array, choices: Sequence[int]) -> list[Array]:
    """(n, k) of each labelled part."""
    ends = list(accumulate(choices))
    return [row[..., end - k : end] for k, end in zip(choices, ends, strict=True)]
