"""What every explorer promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`create` is the plug-in's `create`, or `create_box` where actions are numbers, with its own settings at their defaults.
Letters: n decisions, k actions, s draws.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.core.policy import Explorer
from policyloop.policy.columns import columns_of
from policyloop.policy.wanted import BoxExplorer, Wanted

Create = Callable[..., Explorer]
CreateBox = Callable[..., BoxExplorer]


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


def no_mass_is_outside_the_limits(create: CreateBox) -> None:
    """Whatever the limits leave of the box, every draw lies within them, and an action outside has no propensity."""
    explorer = create()
    for wanted in _wants():
        for low, high in (([-1.0, 0.0], [1.0, 4.0]), ([0.2, 1.0], [0.3, 3.5]), ([-1.0, 3.9], [-0.9, 4.0])):
            density = explorer.density(wanted, low, high).with_floor(0.1)
            for u in (0.0, 0.3, 0.9, 1 - 2**-53):
                values, _ = density.draw(u, [u, 1 - 2**-53 - u])
                assert all(a <= x <= b for a, x, b in zip(low, values, high, strict=True)), f"{values} is not in {low}, {high}"
                assert density.at(values) > 0, f"{values} was drawn and has no propensity"
            likely = density.at(density.mode())
            assert 0.1 < likely < 1e20, f"the mode has the propensity {likely}: too little was left between the limits"
            assert density.at([high[0] + 0.01, high[1]]) == 0.0, "an action outside the limits has a propensity"


def it_is_a_pure_function_over_boxes(create: CreateBox) -> None:
    """Equal arguments, equal densities, and the density goes through JSON unchanged."""
    for wanted in _wants():
        first = create().density(wanted, [-1.0, 0.0], [1.0, 4.0])
        assert first == create().density(wanted, [-1.0, 0.0], [1.0, 4.0]), "the second answer differs from the first"
        assert Density.from_json(first.to_json()) == first, "the density changed on its way into the log"


def what_is_wanted_is_done_most(create: CreateBox) -> None:
    """The wanted action is where the density is highest, as far as it is not squashed."""
    for wanted in _wants():
        density = create().density(wanted, [-1.0, 0.0], [1.0, 4.0])
        np.testing.assert_allclose(density.mode(), wanted.action, atol=1e-6)


def labels_beside_numbers_keep_probabilities(create: CreateBox) -> None:
    """Each part's probabilities sum to one and none is negative; the label that the policy likes best stays the likeliest."""
    wanted = msgspec.structs.replace(_wants()[0], pmfs=[[0.2, 0.5, 0.3], [1.0]])
    found = create().pmfs(wanted)
    assert [len(pmf) for pmf in found] == [3, 1], f"{found} are not probabilities for 3 labels and for 1"
    for pmf in found:
        assert min(pmf) >= 0 and abs(sum(pmf) - 1) < 1e-9, f"{pmf} are no probabilities"
    assert max(found[0]) == found[0][1], f"the likeliest label got {found[0][1]} of {found[0]}"


BOX_PROMISES = (
    no_mass_is_outside_the_limits,
    it_is_a_pure_function_over_boxes,
    what_is_wanted_is_done_most,
    labels_beside_numbers_keep_probabilities,
)


def _wants() -> list[Wanted]:
    """Wishes for two numbers, in a box of -1 to 1 and 0 to 4: squashed, not squashed, never varying, and far beyond the box."""
    location, box = [0.3, -0.4], ([0.0, 2.0], [1.0, 2.0])
    action = [float(c + h * np.tanh(x)) for x, c, h in zip(location, *box, strict=True)]
    return [
        Wanted(action, location, [0.5, 0.2], True, *box),
        Wanted(action, action, [0.5, 0.2], False, *box),
        Wanted(action, location, [0.0, 0.0], True, *box),
        Wanted([1.0, 0.0], [40.0, -40.0], [0.01, 0.01], True, *box),
    ]


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
