"""A method: what one update is; and the run of many of them inside one call, on the device.

Question answered: what are the weights after n more updates, and what did the updates tell? Every number that may be tuned is
a number of the state, so that learners which differ in numbers alone are compiled once and can run side by side. The number of
an update, not the history of calls, decides its minibatch and its noise: two calls of five are one call of ten, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from policyloop.learn.networks import adam
from policyloop.learn.networks.rows import Rows, Scaler, picked, scaled
from policyloop.learn.networks.shape import Shape, Weights

_AVERAGED = 1000  # updates, at most
_SHARE = 5  # one over the share of all updates, before that

Told = dict[str, Array]  # name -> number


class Learned(NamedTuple):
    """All that changes as a learner learns, and the numbers that it was told to learn by."""

    weights: Weights  # name -> weights of `trunk`, `actor`, `critics`, ...
    target: Weights  # those that follow slowly, by the same names
    average: Weights  # means over the last updates, by the names of the target: what is handed out
    moments: dict[str, adam.Moments]
    scaler: Scaler
    key: Array  # data of the key that all noise comes from
    numbers: dict[str, Array]  # learning_rate, discount, ... as the method knows them


class Method(Protocol):
    """What one update is. Hashable and equal where its shape is, because it decides what is compiled."""

    @property
    def shape(self) -> Shape:
        """Of its networks."""
        ...

    @property
    def head(self) -> str:
        """How policy/network.py reads its actor."""
        ...

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Weights that know nothing yet, and those of them that have a target."""
        ...

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Learn from one minibatch; `n` counts the updates before."""
        ...

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`q_mean`, `q_min`, `q_max`, `td_error`, `conservative`, ... on rows, without learning from them."""
        ...

    def actor(self, weights: Weights) -> list[dict[str, Array]]:
        """The actor's layers as policy/network.py takes them; none where actions are labels."""
        ...


def begun(method: Method, scaler: Scaler, numbers: dict[str, float], seed: int) -> Learned:
    """A state that knows nothing yet."""
    rng = np.random.default_rng(seed)
    weights, target = method.begin(rng)
    return Learned(
        weights=weights,
        target=target,
        average=target,
        moments={name: adam.moments_of(those) for name, those in weights.items()},
        scaler=scaler,
        key=jnp.asarray(rng.integers(2**32, size=2, dtype=np.uint32)),
        numbers={name: jnp.float32(number) for name, number in numbers.items()},
    )


@partial(jax.jit, static_argnames=("method", "batch"))
def advanced(
    method: Method, batch: int, learned: Learned, rows: Rows, n_rows: Array, start: Array, stop: Array
) -> tuple[Learned, Told]:
    """The state after the updates from `start` to `stop`, and the sums of what they told.

    A loop of unknown length and no scan of a known one: whatever its length, it is the same compiled code.
    """

    def one(n: Array, carried: tuple[Learned, Told]) -> tuple[Learned, Told]:
        before, sums = carried
        of_rows, of_method = jax.random.split(jax.random.fold_in(jax.random.wrap_key_data(before.key), n))
        places = jax.random.bits(of_rows, (batch,)) % n_rows.astype(jnp.uint32)
        after, told = method.update(before, scaled(picked(rows, places), before.scaler), of_method, n)
        return after, jax.tree.map(jnp.add, sums, told)

    zeros = jax.tree.map(lambda told: jnp.zeros(told.shape, told.dtype), _told_by(method, batch, learned, rows))
    after: tuple[Learned, Told] = jax.lax.fori_loop(start, stop, one, (learned, zeros))
    return after


@partial(jax.jit, static_argnames=("method",))
def told_of(method: Method, learned: Learned, rows: Rows) -> Told:
    """What a method tells of rows, with the same noise every time."""
    return method.tell(learned, scaled(rows, learned.scaler), jax.random.key(0))


def descended(learned: Learned, names: tuple[str, ...], loss: Callable[[Weights], tuple[Array, Any]]) -> tuple[Learned, Any]:
    """One step of the weights named down a loss of them, and what the loss tells beside."""
    mine = {name: learned.weights[name] for name in names}
    (_, told), gradient = jax.value_and_grad(loss, has_aux=True)(mine)
    weights, moments = dict(learned.weights), dict(learned.moments)
    for name in names:
        rate = learned.numbers["learning_rate"]
        weights[name], moments[name] = adam.step(mine[name], moments[name], gradient[name], rate)
    return learned._replace(weights=weights, moments=moments), told


def followed(learned: Learned, n: Array) -> Learned:
    """The targets a little nearer to the weights, and the averages over the last fifth of the updates, up to a thousand.

    An actor that is good at one update may be bad a hundred later; its average over many is steadier than any of them.
    """
    ahead = {name: learned.weights[name] for name in learned.target}
    rate = jnp.maximum(1 / _AVERAGED, _SHARE / (n + _SHARE))
    return learned._replace(
        target=adam.followed(learned.target, ahead, learned.numbers["target_rate"]),
        average=adam.followed(learned.average, ahead, rate),
    )


def _told_by(method: Method, batch: int, learned: Learned, rows: Rows) -> Told:
    """Names and types of what an update tells."""
    key = jax.random.key(0)

    def once(state: Learned, all_rows: Rows) -> Told:
        some = picked(all_rows, jnp.zeros(batch, jnp.int32))
        return method.update(state, scaled(some, state.scaler), key, jnp.int32(0))[1]

    shapes: Told = jax.eval_shape(once, learned, rows)
    return shapes
