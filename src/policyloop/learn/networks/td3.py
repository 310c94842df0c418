"""Twin delayed critics with a pull towards what the history did: the method of td3_bc and rebrac.

Question answered: which number is best, where critics are the less sure the further it is from what was tried? Two critics
learn what follows an action; an actor climbs the first of them, and is drawn back to the action of the history by the square
of the distance. It is drawn as much as the critic's own size makes it, so that rewards may have any unit.
Source: Fujimoto et al. 2018 (arXiv:1802.09477); the pull: Fujimoto & Gu 2021 (arXiv:2106.06860), and on the critics' side
Tarasov et al. 2023 (arXiv:2305.09836).
Letters: n rows, h hidden numbers, a numbers of an action, j critics.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from policyloop.learn.networks import method
from policyloop.learn.networks.layers import Layers, answer
from policyloop.learn.networks.method import Learned, Told
from policyloop.learn.networks.rows import Rows
from policyloop.learn.networks.shape import Shape, Weights, values_of
from policyloop.learn.networks.told import squared_errors, told_about

N_CRITICS = 2
_ACTOR_EVERY = 2  # updates of the critics
_NOISE, _MOST_NOISE = 0.2, 0.5  # of the next action, in half widths of the box


@dataclass(frozen=True, slots=True)
class Td3:
    """Numbers: `learning_rate`, `target_rate`, `discount`, `actor_weight` and `critic_weight` of the pull."""

    shape: Shape
    head: str = "tanh"

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Trunk, actor and critics; all have a target."""
        weights: Weights = {
            "trunk": self.shape.trunk(rng),
            "actor": self.shape.network(rng, n_out=self.shape.n_numbers),
            "critics": self.shape.critics(rng, N_CRITICS),
        }
        return weights, dict(weights)

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Critics every time, the actor every second time."""
        wanted, pull = self._target(learned, batch, key)
        after, told = method.descended(learned, ("trunk", "critics"), lambda mine: self._critic_loss(mine, batch, wanted))
        after = lax.cond(n % _ACTOR_EVERY == 0, lambda state: self._climbed(state, batch), lambda state: state, after)
        return method.followed(after, n), {**told, "conservative": pull}

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`conservative` is the mean square of the distance between its action and the history's."""
        wanted, _ = self._target(learned, rows, key)
        _, told = self._critic_loss(learned.weights, rows, wanted)
        seen = self.shape.seen(learned.average["trunk"], rows.state)
        own = jnp.tanh(answer(learned.average["actor"], seen))
        values, of_own = (values_of(learned.average["critics"], seen, action) for action in (rows.action, own))
        far = jnp.square(own - rows.action).sum(axis=-1).mean()
        return told_about(values, own=of_own, td_error=told["td_error"], conservative=far)

    def actor(self, weights: Weights) -> Layers:
        """As it is."""
        layers: Layers = weights["actor"]
        return layers

    def _target(self, learned: Learned, batch: Rows, key: Array) -> tuple[Array, Array]:
        """(n,) what the critics should expect, and the mean square of the distance between next actions."""
        seen = self.shape.seen(learned.target["trunk"], batch.next_state)
        noise = jnp.clip(_NOISE * jax.random.normal(key, batch.next_action.shape), -_MOST_NOISE, _MOST_NOISE)
        action = jnp.clip(jnp.tanh(answer(learned.target["actor"], seen)) + noise, -1, 1)
        far = batch.has_next * jnp.square(action - batch.next_action).sum(axis=-1)
        following = values_of(learned.target["critics"], seen, action).min(axis=0) - learned.numbers["critic_weight"] * far
        return batch.reward + learned.numbers["discount"] * batch.goes_on * following, far.mean()

    def _critic_loss(self, mine: Weights, batch: Rows, wanted: Array) -> tuple[Array, Told]:
        values = values_of(mine["critics"], self.shape.seen(mine["trunk"], batch.state), batch.action)
        errors = squared_errors(values, wanted)
        loss = errors.sum()
        return loss, {"critic_loss": loss, "td_error": errors.mean(), "q_mean": values.min(axis=0).mean()}

    def _climbed(self, learned: Learned, batch: Rows) -> Learned:
        """The actor a step higher."""
        seen = lax.stop_gradient(self.shape.seen(learned.weights["trunk"], batch.state))
        first = learned.weights["critics"][:1]

        def loss(mine: Weights) -> tuple[Array, None]:
            action = jnp.tanh(answer(mine["actor"], seen))
            values = values_of(first, seen, action)[0]
            size = lax.stop_gradient(jnp.abs(values).mean())
            far = jnp.square(action - batch.action).sum(axis=-1)
            return (learned.numbers["actor_weight"] * far - values / jnp.maximum(size, 1e-6)).mean(), None

        return method.descended(learned, ("actor",), loss)[0]
