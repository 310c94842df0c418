"""ReBRAC: two critics and an actor that is drawn towards the history, on the critics' side too; quick, for actions in a box.

Question answered: which numbers are best, as far as the history tells? The first to try: an update costs a sixth of one of
`cql`. Where a history varies its actions widely, a small `actor_weight` is enough; where it is one narrow policy, raise both.
Source: Tarasov et al. 2023 (arXiv:2305.09836).
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.learner import NetworkLearner
from policyloop.learn.networks.population import population
from policyloop.learn.networks.settings import check_box, check_numbers
from policyloop.learn.networks.shape import shape_of
from policyloop.learn.networks.td3 import Td3

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
    target_rate: float = 0.01,
    layer_norm: bool = True,
    channels: Sequence[int] = (16, 32),
    actor_weight: float = 0.01,
    critic_weight: float = 0.0,
) -> NetworkLearner:
    """A learner that knows nothing yet.

    Args:
        train: episodes to learn from.
        held_out: episodes to be told of, and never learned from.
        actions: those of the loop; numbers in a box.
        seed: what everything random comes from.
        learning_rate: of Adam.
        width: of hidden layers.
        depth: hidden layers.
        batch: rows of a minibatch.
        target_rate: how much of the way targets follow in one update.
        layer_norm: whether critics have it, which keeps them from running away.
        channels: of the convolutions where states are images.
        actor_weight: the pull on the actor, beside a critic of size 1.
        critic_weight: the pull on what critics expect, in units of the largest reward.

    Raises:
        BadSetting: a setting is outside its range, or the loop's actions are not numbers alone.
        Invalid: rows of the history cannot be learned from.
    """
    check_box("rebrac", actions)
    numbers = {
        "learning_rate": learning_rate,
        "target_rate": target_rate,
        "actor_weight": actor_weight,
        "critic_weight": critic_weight,
    }
    check_numbers(numbers)
    shape = shape_of(train, actions, width=width, depth=depth, layer_norm=layer_norm, channels=channels)
    return NetworkLearner(Td3(shape), train, held_out, actions=actions, seed=seed, batch=batch, numbers=numbers)
