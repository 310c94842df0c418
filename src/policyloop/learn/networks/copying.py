"""Copying: the method of bc, an actor that does what the history did, and a critic of how that went.

Question answered: what was done in such a state, and what came of going on like that? Nothing is improved: it is what any
other learner has to beat, and the start for histories of experts alone.
Source: Pomerleau 1991; the critic learns from the next action of the history (SARSA: Rummery & Niranjan 1994).
Letters: n rows, a numbers of an action.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from policyloop.learn.networks import method
from policyloop.learn.networks.layers import Layers, answer
from policyloop.learn.networks.method import Learned, Told
from policyloop.learn.networks.mixed import likeliest, log_chance, parted
from policyloop.learn.networks.rows import Rows
from policyloop.learn.networks.shape import Shape, Weights, values_of
from policyloop.learn.networks.told import squared_errors, told_about


@dataclass(frozen=True, slots=True)
class Copying:
    """Numbers: `learning_rate`, `target_rate`, `discount`."""

    shape: Shape
    head: str = "tanh"

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Trunk, actor and one critic; all have a target."""
        weights: Weights = {
            "trunk": self.shape.trunk(rng),
            "actor": self.shape.network(rng, n_out=self.shape.n_told),
            "critics": self.shape.critics(rng, 1),
        }
        return weights, dict(weights)

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Actor and trunk by copying; the critic looks on."""
        after, told = method.descended(learned, ("trunk", "actor", "critics"), lambda mine: self._loss(mine, learned, batch))
        return method.followed(after, n), told

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`conservative` is the mean square of the distance between its numbers and the history's.

        Of labels, which have no distance, it is minus the log of their probability.
        """
        _, told = self._loss(learned.weights, learned, rows)
        seen = self.shape.seen(learned.average["trunk"], rows.state)
        action = likeliest(answer(learned.average["actor"], seen), self.shape.choices)
        values, own = (values_of(learned.average["critics"], seen, some) for some in (rows.action, action))
        return told_about(values, own=own, td_error=told["td_error"], conservative=told["conservative"])

    def actor(self, weights: Weights) -> Layers:
        """As it is."""
        layers: Layers = weights["actor"]
        return layers

    def _loss(self, mine: Weights, learned: Learned, batch: Rows) -> tuple[Array, Told]:
        seen = self.shape.seen(mine["trunk"], batch.state)
        far = self._far(answer(mine["actor"], seen), batch)
        after = self.shape.seen(learned.target["trunk"], batch.next_state)
        following = values_of(learned.target["critics"], after, batch.next_action)[0]
        wanted = batch.reward + learned.numbers["discount"] * batch.goes_on * following
        # of a row that was cut off nobody knows the next action, and so nothing is learned of its value
        is_known = jnp.maximum(batch.has_next, 1 - batch.goes_on)
        values = values_of(mine["critics"], lax.stop_gradient(seen), batch.action)
        error = squared_errors(values * is_known, wanted * is_known).sum()
        told = {"critic_loss": error, "td_error": error, "conservative": far, "q_mean": values.mean()}
        return far + error, told

    def _far(self, answered: Array, batch: Rows) -> Array:
        """() how far what the actor does lies from what the history did."""
        scores, location = parted(answered, self.shape.choices)
        labels, numbers = parted(batch.action, self.shape.choices)
        far = jnp.square(jnp.tanh(location) - numbers).sum(axis=-1)
        return (far - log_chance(scores, labels, self.shape.choices)).mean()
