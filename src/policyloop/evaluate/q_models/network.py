"""Network: the return by a small network with layer norm, which learns the reward and what it expects itself one step later.

Question answered: what is to be expected of an action in a state, where the return has edges and follows only many steps later?
When to use: numbers that do not repeat, and rows by the ten thousand, which it takes to fill a network. Needs the extra `rl`.
Source: Le, Voloshin & Yue 2019 (arXiv:1903.08738), fitted by minibatches towards a target that follows quickly.
Letters: n transitions, m actions drawn in each state, k labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.evaluate.history import possible_returns
from policyloop.evaluate.target import Target, flat_of
from policyloop.learn.networks import adam
from policyloop.learn.networks.layers import Layers, answer, dense
from policyloop.policy.network import Network

_WIDTH = 128
_BATCH = 256
_LEARNING_RATE, _TARGET_RATE = 1e-3, 0.05
_LAST_RATE = 0.02  # of the learning rate, to which its second half falls
_PASSES = 30  # over the history
_FEWEST, _MOST = 2_000, 8_000  # updates


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """A critic, asked as any network is."""

    network: Network

    def expects(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) the return expected of labels (n,) or numbers (n, a) in states (n, ...)."""
        return self.network.value(flat_of(state), action).astype(np.float64)


class _Rows(NamedTuple):
    """A history on the device, in units of the critic's."""

    state: Array  # (n, d)
    action: Array  # (n, a), or (n,) labels
    reward: Array  # (n,)
    next_state: Array  # (n, d)
    following: Array  # (n, m, a) next actions, or (n, k) the chances of labels
    goes_on: Array  # (n,)
    weight: Array  # (n,)


class _Learned(NamedTuple):
    critic: Layers
    target: Layers
    moments: adam.Moments


def fit(transitions: Transitions, target: Target, *, weight: NDArray[np.float64] | None = None, seed: int = 0) -> Expectation:
    """The critic after some thirty passes over the history, within what an episode can return at all.

    Args:
        transitions: of labels or of numbers; one at least.
        target: what is done from the next state on.
        weight: (n,) how often each row counts; None: once.
        seed: of its first weights and of the rows of each update.
    """
    k = 0 if target.pmf is None else target.pmf.shape[1]
    flat = flat_of(transitions.state)
    mean, scale = _units(flat)
    center, half = _units(transitions.action_value)
    unit = float(np.abs(transitions.reward).max(initial=0.0)) or 1.0
    action = transitions.action[:, 0] if k else (transitions.action_value - center) / half
    following = target.next_pmf if k else (np.moveaxis(_told(target.next_acts), 0, 1) - center) / half
    rows = _Rows(
        state=_on_device((flat - mean) / scale),
        action=jnp.asarray(action) if k else _on_device(action),
        reward=_on_device(transitions.reward / unit),
        next_state=_on_device((flat_of(transitions.next_state) - mean) / scale),
        following=_on_device(following),
        goes_on=_on_device(~transitions.terminated),
        weight=_on_device(np.ones(len(transitions)) if weight is None else weight / weight.mean()),
    )
    sizes = [flat.shape[1] + (0 if k else len(center)), _WIDTH, _WIDTH, k or 1]
    critic = dense(np.random.default_rng(seed), sizes, layer_norm=True)
    n_updates = min(max(_PASSES * len(transitions) // _BATCH, _FEWEST), _MOST)
    bounds = jnp.float32(possible_returns(transitions)) / unit
    learned = _trained(critic, rows, jax.random.key(seed), jnp.float32(transitions.discount), bounds, jnp.int32(n_updates))
    tensors = {f"critic0.{i}.{part}": np.array(x) for i, layer in enumerate(learned) for part, x in layer.items()}
    settings = {
        "head": "scores" if k else "tanh",
        "n_layers": len(learned),
        "n_critics": 1,
        "layer_norm": True,
        "trunk": [],
        "state_shape": [flat.shape[1]],
        "dtype": "float32",
        "center": center.tolist(),
        "half": half.tolist(),
        "reward_scale": unit,
    }
    return Expectation(Network(settings, {**tensors, "state.mean": mean, "state.scale": scale}))


@jax.jit
def _trained(critic: Layers, rows: _Rows, key: Array, discount: Array, bounds: Array, n_updates: Array) -> Layers:
    """The target after so many updates: it is the steadier of the two. No return is beyond the two bounds."""

    def one(n: Array, known: _Learned) -> _Learned:
        places = jax.random.randint(jax.random.fold_in(key, n), (_BATCH,), 0, len(rows.reward))
        some = _Rows(*(column[places] for column in rows))
        after = jnp.clip(_following(known.target, some.next_state, some.following), bounds[0], bounds[1])
        wanted = some.reward + discount * some.goes_on * after

        def loss(mine: Layers) -> Array:
            return (some.weight * jnp.square(_expected(mine, some.state, some.action) - wanted)).mean()

        rate = _LEARNING_RATE * jnp.clip(2 * (1 - n / n_updates), _LAST_RATE, 1.0)
        ahead, moments = adam.step(known.critic, known.moments, jax.grad(loss)(known.critic), rate)
        return _Learned(ahead, adam.followed(known.target, ahead, jnp.float32(_TARGET_RATE)), moments)

    learned: _Learned = jax.lax.fori_loop(0, n_updates, one, _Learned(critic, critic, adam.moments_of(critic)))
    return learned.target


def _expected(critic: Layers, state: Array, action: Array) -> Array:
    """(n,) of actions that are numbers (n, a), or labels (n,)."""
    if action.ndim == 1:
        return jnp.take_along_axis(answer(critic, state), action[:, jnp.newaxis], axis=1)[:, 0]
    return answer(critic, jnp.concatenate([state, action], axis=1))[:, 0]


def _following(critic: Layers, state: Array, then: Array) -> Array:
    """(n,) the mean over what is done: over draws of numbers (n, m, a), or over labels with their chances (n, k)."""
    if then.ndim == 2:
        return (then * answer(critic, state)).sum(axis=1)
    around = jnp.broadcast_to(state[:, jnp.newaxis], (*then.shape[:2], state.shape[1]))
    return answer(critic, jnp.concatenate([around, then], axis=2))[..., 0].mean(axis=1)


def _units(numbers: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation of every column; 1 where it is constant."""
    mean, scale = numbers.mean(axis=0, dtype=np.float64), numbers.std(axis=0, dtype=np.float64)
    return mean.astype(np.float32), np.where(scale > 1e-9, scale, 1.0).astype(np.float32)


def _told(acts: NDArray[Any] | None) -> NDArray[Any]:
    assert acts is not None, "a target over numbers without next actions"
    return acts


def _on_device(numbers: Any) -> Array:
    return jnp.asarray(np.asarray(numbers, dtype=np.float32))
