"""TD3+BC: two critics, and an actor that climbs them while it copies the history; the plainest learner for actions in a box.

Question answered: which numbers are best, without going far from what was done? One number to set: how much a better action
counts beside a copied one.
Source: Fujimoto & Gu 2021 (arXiv:2106.06860).
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
    learning_rate: float = 3e-4,
    width: int = 256,
    depth: int = 2,
    batch: int = 256,
    target_rate: float = 0.005,
    layer_norm: bool = False,
    channels: Sequence[int] = (16, 32),
    alpha: float = 2.5,
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
        layer_norm: whether critics have it.
        channels: of the convolutions where states are images.
        alpha: how much a better action counts beside a copied one; the larger, the further from the history.

    Raises:
        BadSetting: a setting is outside its range, or the loop's actions are not numbers alone.
        Invalid: rows of the history cannot be learned from.
    """
    check_box("td3_bc", actions)
    check_numbers({"learning_rate": learning_rate, "target_rate": target_rate, "alpha": alpha})
    numbers = {
        "learning_rate": learning_rate,
        "target_rate": target_rate,
        "actor_weight": 1.0 / (alpha * len(actions.box)),  # eq. 5 times 1 / alpha; the paper's distance is a mean, ours a sum
        "critic_weight": 0.0,
    }
    shape = shape_of(train, actions, width=width, depth=depth, layer_norm=layer_norm, channels=channels)
    return NetworkLearner(Td3(shape), train, held_out, actions=actions, seed=seed, batch=batch, numbers=numbers)
