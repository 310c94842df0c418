"""Implicit values: the method of iql, which never asks a critic about an action that the history does not have.

Question answered: how good is the better part of what was done in a state, and which action was it? A value leans towards the
upper actions of the history (an expectile); critics learn from that value; the actor copies actions, the more the better they
were than the value.
Source: Kostrikov et al. 2022 (arXiv:2110.06169), eq. 5 to 7.
Letters: n rows, h hidden numbers, a numbers of an action, j critics.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from policyloop.learn.networks import method
from policyloop.learn.networks.actors import LOG_STD, log_density
from policyloop.learn.networks.layers import Layers, answer
from policyloop.learn.networks.method import Learned, Told
from policyloop.learn.networks.mixed import likeliest, log_chance, parted
from policyloop.learn.networks.rows import Rows
from policyloop.learn.networks.shape import Shape, Weights, values_of
from policyloop.learn.networks.told import squared_errors, told_about

N_CRITICS = 2
_FIRST_LOG_STD = -1.5  # the middle of its bounds


@dataclass(frozen=True, slots=True)
class Implicit:
    """Numbers: `learning_rate`, `target_rate`, `discount`, `expectile`, `weight_temperature`, `most_weight`."""

    shape: Shape
    head: str = "gaussian"

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Trunk, actor with one deviation for all states, critics, and the value, which has no target."""
        weights: Weights = {
            "trunk": self.shape.trunk(rng),
            "actor": self.shape.network(rng, n_out=self.shape.n_told),
            "log_std": jnp.asarray(np.full(self.shape.n_numbers, _FIRST_LOG_STD, np.float32)),
            "critics": self.shape.critics(rng, N_CRITICS),
        }
        return {**weights, "value": self.shape.network(rng, n_out=1)}, weights

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Value and critics together, then the actor."""
        after, told = method.descended(
            learned, ("trunk", "critics", "value"), lambda mine: self.critic_loss(mine, learned, batch)
        )
        seen = lax.stop_gradient(self.shape.seen(after.weights["trunk"], batch.state))
        weight = self.weight(after, batch, seen)
        climbed, loss = method.descended(after, ("actor", "log_std"), lambda mine: self.actor_loss(mine, batch, seen, weight))
        return method.followed(climbed, n), {**told, "actor_loss": loss}

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`conservative` is by how much the value lies above what is expected of the history's actions."""
        _, told = self.critic_loss(learned.weights, learned, rows)
        seen = self.shape.seen(learned.average["trunk"], rows.state)
        own = likeliest(answer(learned.average["actor"], seen), self.shape.choices)
        values, of_own = (values_of(learned.average["critics"], seen, action) for action in (rows.action, own))
        return told_about(values, own=of_own, td_error=told["td_error"], conservative=told["conservative"])

    def actor(self, weights: Weights) -> Layers:
        """With the deviation as a further answer that is the same in every state."""
        last = weights["actor"][-1]
        _, of_numbers = parted(last["w"], self.shape.choices)
        log_std = jnp.clip(weights["log_std"], *LOG_STD)
        both = {
            "w": jnp.concatenate([last["w"], jnp.zeros_like(of_numbers)], axis=1),
            "b": jnp.concatenate([last["b"], log_std]),
        }
        return [*weights["actor"][:-1], both]

    def critic_loss(self, mine: Weights, learned: Learned, batch: Rows) -> tuple[Array, Told]:
        """Eq. 6, and eq. 5 beside it: critics from the value after, and the value from the critics that follow slowly."""
        seen = self.shape.seen(mine["trunk"], batch.state)
        following = answer(learned.weights["value"], self.shape.seen(learned.weights["trunk"], batch.next_state))[:, 0]
        wanted = batch.reward + learned.numbers["discount"] * batch.goes_on * following
        values = values_of(mine["critics"], seen, batch.action)
        errors = squared_errors(values, wanted)
        above = self._expected(learned, batch) - answer(mine["value"], seen)[:, 0]
        leaning = jnp.where(above < 0, 1 - learned.numbers["expectile"], learned.numbers["expectile"])
        value_loss = (leaning * jnp.square(above)).mean()
        loss = errors.sum() + value_loss
        told = {"td_error": errors.mean(), "conservative": -above.mean(), "q_mean": values.min(axis=0).mean()}
        return loss, {"critic_loss": loss, "value_loss": value_loss, **told}

    def weight(self, learned: Learned, batch: Rows, seen: Array) -> Array:
        """(n,) how much each action is copied (eq. 7)."""
        above = self._expected(learned, batch) - answer(learned.weights["value"], seen)[:, 0]
        return jnp.minimum(jnp.exp(learned.numbers["weight_temperature"] * above), learned.numbers["most_weight"])

    def actor_loss(self, mine: Weights, batch: Rows, seen: Array, weight: Array) -> tuple[Array, Array]:
        """Minus how likely the better actions are."""
        scores, location = parted(answer(mine["actor"], seen), self.shape.choices)
        labels, numbers = parted(batch.action, self.shape.choices)
        of_numbers = log_density(location, jnp.clip(mine["log_std"], *LOG_STD), numbers)
        loss = -(weight * (of_numbers + log_chance(scores, labels, self.shape.choices))).mean()
        return loss, loss

    def _expected(self, learned: Learned, batch: Rows) -> Array:
        """(n,) the least that the slow critics expect of the history's actions."""
        seen = self.shape.seen(learned.target["trunk"], batch.state)
        return values_of(learned.target["critics"], seen, batch.action).min(axis=0)
