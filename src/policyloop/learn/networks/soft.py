"""Conservative critics and a soft actor: the method of cql.

Question answered: which number is best, where critics expect little of what was never tried? Beside learning what follows an
action, critics are pressed down on actions of the policy and on random ones, and up on those of the history. The actor climbs
the lesser critic and keeps some randomness, at a temperature that finds itself.
Source: Kumar et al. 2020 (arXiv:2006.04779), eq. 4; the actor: Haarnoja et al. 2018 (arXiv:1812.05905). The value of a next
state is that of the action which would be served there, as nothing random is served.
Letters: n rows, h hidden numbers, a numbers of an action, j critics, s actions drawn for each row.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from policyloop.learn.networks import adam, method
from policyloop.learn.networks.actors import bells, squashed
from policyloop.learn.networks.layers import Layers
from policyloop.learn.networks.method import Learned, Told
from policyloop.learn.networks.rows import Rows
from policyloop.learn.networks.shape import Shape, Weights, values_of
from policyloop.learn.networks.told import squared_errors, told_about

N_CRITICS = 2


class Draws(NamedTuple):
    """What is random in one look at the critics."""

    here: Array  # (s, n, a) standard normal, for actions of the policy in these states
    after: Array  # (s, n, a) the same in the states after them; s may be 0
    even: Array  # (s, n, a) in [-1, 1]


@dataclass(frozen=True, slots=True)
class Soft:
    """Numbers: `learning_rate`, `target_rate`, `discount`, `conservative_weight`, `temperature_rate`."""

    shape: Shape
    n_samples: int
    with_next: bool  # whether actions for the next state are pressed down in this one, too
    head: str = "tanh_gaussian"

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Trunk, actor and critics, which have a target, and the log temperature."""
        weights: Weights = {
            "trunk": self.shape.trunk(rng),
            "actor": self.shape.network(rng, n_out=2 * self.shape.n_numbers),
            "critics": self.shape.critics(rng, N_CRITICS),
        }
        return {**weights, "log_temperature": jnp.float32(0)}, weights

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Critics, temperature, actor."""
        of_draws, of_actor = jax.random.split(key)
        draws = self.draws(of_draws, batch)
        wanted = self.wanted(learned, batch)
        pressed = self.pressed(learned, batch, draws)
        after, told = method.descended(
            learned, ("trunk", "critics"), lambda mine: self.critic_loss(mine, learned, batch, wanted, pressed)
        )
        noise = jax.random.normal(of_actor, batch.action.shape)
        climbed, log_density = self._climbed(after, batch, noise)
        return method.followed(self._warmed(climbed, log_density), n), told

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`conservative` is by how much the critics expect more of drawn actions than of the history's."""
        draws, wanted = self.draws(key, rows), self.wanted(learned, rows)
        _, told = self.critic_loss(learned.weights, learned, rows, wanted, self.pressed(learned, rows, draws))
        seen = self.shape.seen(learned.average["trunk"], rows.state)
        location, _ = bells(learned.average["actor"], seen)
        values, own = (values_of(learned.average["critics"], seen, action) for action in (rows.action, jnp.tanh(location)))
        return told_about(values, own=own, td_error=told["td_error"], conservative=told["conservative"])

    def actor(self, weights: Weights) -> Layers:
        """As it is."""
        layers: Layers = weights["actor"]
        return layers

    def draws(self, key: Array, batch: Rows) -> Draws:
        """For one look."""
        keys, shape = jax.random.split(key, 3), (self.n_samples, *batch.action.shape)
        return Draws(
            here=jax.random.normal(keys[0], shape),
            after=jax.random.normal(keys[1], shape if self.with_next else (0, *batch.action.shape)),
            even=jax.random.uniform(keys[2], shape, minval=-1.0, maxval=1.0),
        )

    def wanted(self, learned: Learned, batch: Rows) -> Array:
        """(n,) what critics should expect: the reward, and the least that is expected of the action served next."""
        location, _ = bells(learned.weights["actor"], self.shape.seen(learned.weights["trunk"], batch.next_state))
        seen = self.shape.seen(learned.target["trunk"], batch.next_state)
        following = values_of(learned.target["critics"], seen, jnp.tanh(location)).min(axis=0)
        return batch.reward + learned.numbers["discount"] * batch.goes_on * following

    def pressed(self, learned: Learned, batch: Rows, draws: Draws) -> tuple[Array, Array]:
        """(s, n, a) actions that critics are pressed down on, and (s, n) the logs of how likely they were drawn."""
        parts = [(draws.even, jnp.full(draws.even.shape[:2], -self.shape.n_numbers * math.log(2)))]
        for noise, state in ((draws.after, batch.next_state), (draws.here, batch.state)):
            if len(noise):
                location, log_std = bells(learned.weights["actor"], self.shape.seen(learned.weights["trunk"], state))
                parts.insert(0, squashed(location, log_std, noise))
        actions, log_densities = zip(*parts, strict=True)
        return lax.stop_gradient((jnp.concatenate(actions), jnp.concatenate(log_densities)))

    def critic_loss(
        self, mine: Weights, learned: Learned, batch: Rows, wanted: Array, pressed: tuple[Array, Array]
    ) -> tuple[Array, Told]:
        """Eq. 4: squared errors, and by how much more is expected of drawn actions than of the history's."""
        actions, log_densities = pressed
        seen = self.shape.seen(mine["trunk"], batch.state)
        all_values = values_of(mine["critics"], seen, jnp.concatenate([batch.action[jnp.newaxis], actions]))
        values, drawn = all_values[:, 0], all_values[:, 1:]
        errors = squared_errors(values, wanted)
        gaps = (jax.nn.logsumexp(drawn - log_densities, axis=1) - values).mean(axis=1)
        loss = errors.sum() + learned.numbers["conservative_weight"] * gaps.sum()
        told = {"td_error": errors.mean(), "conservative": gaps.mean(), "q_mean": values.min(axis=0).mean()}
        return loss, {"critic_loss": loss, **told}

    def actor_loss(self, mine: Weights, learned: Learned, seen: Array, noise: Array) -> tuple[Array, Array]:
        """Minus what the lesser critic expects, plus the temperature times how sure the actor is."""
        action, log_density = squashed(*bells(mine["actor"], seen), noise)
        value = values_of(learned.weights["critics"], seen, action).min(axis=0)
        return (jnp.exp(learned.weights["log_temperature"]) * log_density - value).mean(), log_density

    def _climbed(self, learned: Learned, batch: Rows, noise: Array) -> tuple[Learned, Array]:
        """The actor a step higher, and (n,) how likely its actions were."""
        seen = lax.stop_gradient(self.shape.seen(learned.weights["trunk"], batch.state))
        return method.descended(learned, ("actor",), lambda mine: self.actor_loss(mine, learned, seen, noise))

    def _warmed(self, learned: Learned, log_density: Array) -> Learned:
        """The temperature a step nearer to where the actor is as random as a bell of one deviation is wide (Haarnoja 2018)."""
        warmth = learned.weights["log_temperature"]
        gradient = -jnp.exp(warmth) * (log_density - self.shape.n_numbers).mean()
        after, moments = adam.step(warmth, learned.moments["log_temperature"], gradient, learned.numbers["temperature_rate"])
        return learned._replace(
            weights={**learned.weights, "log_temperature": after},
            moments={**learned.moments, "log_temperature": moments},
        )
