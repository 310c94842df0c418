"""Discrete CQL: critics over labels that expect little of what was never tried; for histories of labelled actions.

Question answered: which label is best, as far as the history tells? The larger `conservative_weight`, the closer to it.
Source: Kumar et al. 2020 (arXiv:2006.04779); van Hasselt et al. 2016 (arXiv:1509.06461).
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.labels import Labels
from policyloop.learn.networks.learner import NetworkLearner
from policyloop.learn.networks.population import population
from policyloop.learn.networks.settings import check_labels, check_numbers
from policyloop.learn.networks.shape import shape_of

POPULATION = population  # a search trains those of one shape side by side


def create_episodic(
    train: Transitions,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    seed: int,
    learning_rate: float = 3e-4,
    width: int = 256,
    depth: int = 2,
    batch: int = 256,
    target_rate: float = 0.005,
    layer_norm: bool = False,
    channels: Sequence[int] = (16, 32),
    conservative_weight: float = 1.0,
) -> NetworkLearner:
    """A learner that knows nothing yet.

    Args:
        train: episodes to learn from.
        held_out: episodes to be told of, and never learned from.
        actions: those of the loop; labels.
        seed: what everything random comes from.
        learning_rate: of Adam.
        width: of hidden layers.
        depth: hidden layers.
        batch: rows of a minibatch.
        target_rate: how much of the way targets follow in one update.
        layer_norm: whether critics have it, which keeps them from running away.
        channels: of the convolutions where states are images.
        conservative_weight: how much pressing down counts beside the errors.

    Raises:
        BadSetting: a setting is outside its range, or the loop's actions are not labels alone.
        Invalid: rows of the history cannot be learned from.
    """
    check_labels("cql_discrete", actions)
    numbers = {"learning_rate": learning_rate, "target_rate": target_rate, "conservative_weight": conservative_weight}
    check_numbers(numbers)
    shape = shape_of(train, actions, width=width, depth=depth, layer_norm=layer_norm, channels=channels)
    return NetworkLearner(Labels(shape), train, held_out, actions=actions, seed=seed, batch=batch, numbers=numbers)
