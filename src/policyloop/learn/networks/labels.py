"""Critics over labels: the method of dqn, and with a conservative term that of cql_discrete.

Question answered: what follows each label, and which is best? The weights choose the next label and the slow ones say what to
expect of it (double Q-learning), so that luck is not taken for value. The conservative term presses down on all labels and up
on the one taken; without it, nothing keeps critics from expecting much of what was never tried.
Source: Mnih et al. 2015; van Hasselt et al. 2016 (arXiv:1509.06461); Kumar et al. 2020 (arXiv:2006.04779), eq. 4.
Letters: n rows, k labels, j critics.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from policyloop.learn.networks import method
from policyloop.learn.networks.layers import Layers
from policyloop.learn.networks.method import Learned, Told
from policyloop.learn.networks.rows import Rows
from policyloop.learn.networks.shape import Shape, Weights, scores_of
from policyloop.learn.networks.told import squared_errors, told_about


@dataclass(frozen=True, slots=True)
class Labels:
    """Numbers: `learning_rate`, `target_rate`, `discount`, `conservative_weight`."""

    shape: Shape
    n_critics: int = 1
    head: str = "scores"

    def begin(self, rng: np.random.Generator) -> tuple[Weights, Weights]:
        """Trunk and critics; both have a target."""
        weights: Weights = {
            "trunk": self.shape.trunk(rng),
            "critics": self.shape.critics(rng, self.n_critics),
        }
        return weights, dict(weights)

    def update(self, learned: Learned, batch: Rows, key: Array, n: Array) -> tuple[Learned, Told]:
        """Critics, and nothing else."""
        wanted = self.wanted(learned, batch)
        after, told = method.descended(
            learned, ("trunk", "critics"), lambda mine: self.critic_loss(mine, learned, batch, wanted)
        )
        return method.followed(after, n), told

    def tell(self, learned: Learned, rows: Rows, key: Array) -> Told:
        """`conservative` is by how much is expected more of all labels together than of the one taken."""
        _, told = self.critic_loss(learned.weights, learned, rows, self.wanted(learned, rows))
        scores = scores_of(learned.average["critics"], self.shape.seen(learned.average["trunk"], rows.state))
        best = scores.min(axis=0).argmax(axis=-1)[:, jnp.newaxis]
        values, own = (_of_label(scores, label) for label in (rows.label, best))
        return told_about(values, own=own, td_error=told["td_error"], conservative=told["conservative"])

    def actor(self, weights: Weights) -> Layers:
        """None: the label with the highest score is taken."""
        return []

    def wanted(self, learned: Learned, batch: Rows) -> Array:
        """(n,) what critics should expect: the reward, and what follows the label that they would take next."""
        live = scores_of(learned.weights["critics"], self.shape.seen(learned.weights["trunk"], batch.next_state))
        slow = scores_of(learned.target["critics"], self.shape.seen(learned.target["trunk"], batch.next_state))
        label = live.min(axis=0).argmax(axis=-1)[:, jnp.newaxis]
        return batch.reward + learned.numbers["discount"] * batch.goes_on * _of_label(slow, label).min(axis=0)

    def critic_loss(self, mine: Weights, learned: Learned, batch: Rows, wanted: Array) -> tuple[Array, Told]:
        """Huber's loss, which a single huge reward does not rule, and the conservative term."""
        scores = scores_of(mine["critics"], self.shape.seen(mine["trunk"], batch.state))
        values = _of_label(scores, batch.label)
        far = jnp.abs(values - wanted)
        errors = jnp.where(far < 1, 0.5 * jnp.square(far), far - 0.5).mean(axis=1)
        gaps = (jax.nn.logsumexp(scores, axis=-1) - values).mean(axis=1)
        loss = errors.sum() + learned.numbers["conservative_weight"] * gaps.sum()
        told = {"td_error": squared_errors(values, wanted).mean(), "conservative": gaps.mean()}
        return loss, {"critic_loss": loss, **told, "q_mean": values.min(axis=0).mean()}


def _of_label(scores: Array, label: Array) -> Array:
    """(j, n) of the labels (n, 1)."""
    places = jnp.broadcast_to(label, (*scores.shape[:2], 1))
    return jnp.take_along_axis(scores, places, axis=-1)[..., 0]
