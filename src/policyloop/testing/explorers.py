"""What every explorer promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`create` is the plug-in's `create`, with its own settings at their defaults. Letters: n decisions, k actions, s draws.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from policyloop.core.policy import Explorer
from policyloop.policy.columns import columns_of

Create = Callable[..., Explorer]


def probabilities_sum_to_one_and_none_is_negative(create: Create) -> None:
    """For one decision, whatever the number of actions, with ties and without."""
    for k in (1, 2, 7, 100):
        explorer = create(n_examples=200, reward_span=1.0)
        for mean in (_means(1, k)[0], np.zeros(k), np.linspace(-1e6, 1e6, k)):
            p = np.array(explorer.probabilities(mean.tolist(), _draws(mean[None], explorer.n_draws, one=True)))
            assert p.shape == (k,), f"{k} actions got {p.shape} probabilities"
            assert (p >= 0).all(), f"a probability is negative: {p.min()}"
            assert abs(p.sum() - 1) <= 1e-9, f"probabilities sum to {p.sum()}"


def one_decision_gets_what_it_gets_among_many(create: Create) -> None:
    """Columns of floats and columns of arrays give the same numbers to 1e-12."""
    explorer = create(n_examples=200, reward_span=1.0)
    mean = _means(40, 5)
    mean[0] = 0.5  # all tied
    draws = _draws(mean, explorer.n_draws)
    together = np.stack(explorer.probabilities(columns_of(mean), draws), axis=-1)
    alone = [explorer.probabilities(row.tolist(), None if draws is None else draws[i]) for i, row in enumerate(mean)]
    assert np.abs(together - np.array(alone)).max() <= 1e-12, "one decision and many disagree"


def it_is_a_pure_function(create: Create) -> None:
    """Equal arguments, equal probabilities, and the arguments stay as they are."""
    explorer = create(n_examples=200, reward_span=1.0)
    mean = _means(1, 6)
    draws = _draws(mean, explorer.n_draws, one=True)
    given = mean[0].tolist()
    first = list(explorer.probabilities(given, draws))
    again = list(create(n_examples=200, reward_span=1.0).probabilities(given, draws))
    assert first == again, "the second answer differs from the first"
    assert given == mean[0].tolist(), "the means were changed"


def the_best_action_is_the_likeliest(create: Create) -> None:
    """Where one action is far better than the others in every draw, it gets the most."""
    explorer = create(n_examples=200, reward_span=1.0)
    mean = np.array([0.1, 0.2, 0.9, 0.1])
    p = list(explorer.probabilities(mean.tolist(), _draws(mean[None], explorer.n_draws, one=True, spread=0.01)))
    assert max(p) == p[2], f"the best action got {p[2]} of {p}"


PROMISES = (
    probabilities_sum_to_one_and_none_is_negative,
    one_decision_gets_what_it_gets_among_many,
    it_is_a_pure_function,
    the_best_action_is_the_likeliest,
)


def _means(n: int, k: int) -> NDArray[np.float64]:
    return np.random.default_rng(11).normal(size=(n, k))


def _draws(mean: NDArray[np.float64], n_draws: int, *, one: bool = False, spread: float = 0.3) -> NDArray[np.float64] | None:
    """What may stand beside the means: (n, s, k), or (s, k) for one decision.

    Several rows are draws around the means; a single one is a width or a probability, and this one can be either.
    """
    if n_draws == 0:
        return None
    if n_draws == 1:
        power = np.exp(mean - mean.max(axis=1, keepdims=True))[:, None, :]
        rows: NDArray[np.float64] = power / power.sum(axis=2, keepdims=True)
        return rows[0] if one else rows
    noise = np.random.default_rng(12).normal(size=(len(mean), n_draws, mean.shape[1]))
    draws = mean[:, None, :] + spread * noise
    return draws[0] if one else draws
