"""What a network makes of states as they are: its action, how much that varies, and what is expected of that very action.

Question answered: what would this model do here, how sure is it, and how much does it expect at the least? Over numbers the
mean is the action without exploring, which the value is of, and the deviation is that of its own distribution, in the
action's units. Over labels there is a mean and a deviation of the critics for every label, and the value is of the one it
would take: where the least that the critics expect is highest. Where labels stand beside numbers, mean and deviation are those
of the numbers, and the value is of these with the likeliest labels.
Letters: n states, a numbers of an action, p labelled parts beside them, k labels, j critics.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray

from policyloop.core.episode import Floats
from policyloop.policy.network import Network

_N_PLACES = 33  # of the quadrature: a squashed deviation is right to 1e-3 of the box


def predicted(
    network: Network, states: NDArray[Any], *, low: Sequence[float], high: Sequence[float]
) -> tuple[Floats, Floats, Floats]:
    """Mean, standard deviation and conservative value.

    Args:
        states: (n, *shape)
        low: (a,) the mean is raised to it; the value is of the action so limited. Not looked at over labels.
        high: (a,) and lowered to it.

    Returns:
        Over numbers (n, a), (n, a) and (n,); over labels (n, k), (n, k) and (n,), all in the loop's reward unit.
    """
    if network.head == "scores":
        critics = network.critics(states)
        return critics.mean(axis=0), critics.std(axis=0), critics.min(axis=0).max(axis=1)
    limits = np.asarray(low, np.float32), np.asarray(high, np.float32)
    action, p = network.act(states), len(network.choices)
    mean: Floats = np.clip(action[:, p:], *limits)
    return mean, _deviation(network, states), network.value(states, np.concatenate([action[:, :p], mean], axis=1))


def network_of(policy: object) -> Network | None:
    """The network that a loaded policy asks; None where it asks none."""
    found = getattr(getattr(policy, "reward_model", policy), "network", None)
    return found if isinstance(found, Network) else None


def _deviation(network: Network, states: NDArray[Any]) -> Floats:
    """(n, a) standard deviation of the policy's own distribution, in the action's units."""
    location, deviation = network.gaussian(states)
    if network.head != "tanh_gaussian":
        return deviation if network.head == "gaussian" else np.zeros_like(deviation)
    places, weights = hermegauss(_N_PLACES)
    share = (weights / weights.sum()).astype(np.float32)
    squashed = np.tanh(location + deviation * places.astype(np.float32)[:, np.newaxis, np.newaxis])
    mean = np.tensordot(share, squashed, axes=1)
    spread = np.tensordot(share, np.square(squashed - mean), axes=1)
    return np.asarray(network.box()[1] * np.sqrt(spread))
