"""IQL: a value that leans towards the better actions of the history, and an actor that copies those; asks of no other action.

Question answered: which of the actions that were done were good, and how is more of them done? The safest where a history
covers little, since nothing is ever asked about an action that is not in it; for the same reason it finds none that is not.
Source: Kostrikov et al. 2022 (arXiv:2110.06169).
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.implicit import Implicit
from policyloop.learn.networks.learner import NetworkLearner
from policyloop.learn.networks.population import population
from policyloop.learn.networks.settings import check_numbers, check_some_numbers
from policyloop.learn.networks.shape import shape_of

POPULATION = population  # a search trains those of one shape side by side


def create_episodic(
    train: Transitions,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    seed: int,
    learning_rate: float = 1e-3,
    width: int = 256,
    depth: int = 2,
    batch: int = 256,
    target_rate: float = 0.005,
    layer_norm: bool = False,
    channels: Sequence[int] = (16, 32),
    expectile: float = 0.7,
    weight_temperature: float = 3.0,
    most_weight: float = 100.0,
) -> NetworkLearner:
    """A learner that knows nothing yet.

    Args:
        train: episodes to learn from.
        held_out: episodes to be told of, and never learned from.
        actions: those of the loop; numbers in a box, with or without labels beside them.
        seed: what everything random comes from.
        learning_rate: of Adam.
        width: of hidden layers.
        depth: hidden layers.
        batch: rows of a minibatch.
        target_rate: how much of the way targets follow in one update.
        layer_norm: whether critics have it, which keeps them from running away.
        channels: of the convolutions where states are images.
        expectile: towards which part of the actions the value leans; .5 is their mean, near 1 the best of them.
        weight_temperature: how much more a better action is copied.
        most_weight: at most so much more.

    Raises:
        BadSetting: a setting is outside its range, or the loop's actions have no numbers.
        Invalid: rows of the history cannot be learned from.
    """
    check_some_numbers("iql", actions)
    numbers = {
        "learning_rate": learning_rate,
        "target_rate": target_rate,
        "expectile": expectile,
        "weight_temperature": weight_temperature,
        "most_weight": most_weight,
    }
    check_numbers(numbers)
    shape = shape_of(train, actions, width=width, depth=depth, layer_norm=layer_norm, channels=channels)
    return NetworkLearner(Implicit(shape), train, held_out, actions=actions, seed=seed, batch=batch, numbers=numbers)
