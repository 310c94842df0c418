"""CQL: critics that expect little of what was never tried, and a soft actor; the careful learner, for actions in a box.

Question answered: which numbers are best, when critics are pressed down wherever the history does not speak for an action?
The larger `conservative_weight`, the closer to the history. An update looks at `n_samples` actions of each kind for every row,
and costs as much.
Source: Kumar et al. 2020 (arXiv:2006.04779).
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec
from policyloop.learn.networks.learner import NetworkLearner
from policyloop.learn.networks.population import population
from policyloop.learn.networks.settings import check_box, check_numbers
from policyloop.learn.networks.shape import check_whole, shape_of
from policyloop.learn.networks.soft import Soft

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
    layer_norm: bool = False,
    channels: Sequence[int] = (16, 32),
    conservative_weight: float = 0.5,
    n_samples: int = 4,
    with_next: bool = False,
    temperature_rate: float = 1e-4,
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
        conservative_weight: how much pressing down counts beside the squared errors.
        n_samples: actions drawn of each kind, for every row.
        with_next: whether actions drawn for the next state are pressed down as well, a half more work.
        temperature_rate: of Adam, for how random the actor is kept; 0 keeps its temperature at 1.

    Raises:
        BadSetting: a setting is outside its range, or the loop's actions are not numbers alone.
        Invalid: rows of the history cannot be learned from.
    """
    check_box("cql", actions)
    check_whole("n_samples", n_samples)
    numbers = {
        "learning_rate": learning_rate,
        "target_rate": target_rate,
        "conservative_weight": conservative_weight,
        "temperature_rate": temperature_rate,
    }
    check_numbers(numbers)
    shape = shape_of(train, actions, width=width, depth=depth, layer_norm=layer_norm, channels=channels)
    method = Soft(shape, int(n_samples), bool(with_next))
    return NetworkLearner(method, train, held_out, actions=actions, seed=seed, batch=batch, numbers=numbers)
