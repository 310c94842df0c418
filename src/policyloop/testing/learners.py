"""What every learner promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`create` is the plug-in's `create`, with its own settings at their defaults. Letters: n examples, k actions, d features.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import ExampleBatch
from policyloop.core.policy import Learner

Create = Callable[..., Learner]
_K, _D = 3, 4


def learning_in_pieces_is_learning_at_once(create: Create) -> None:
    """Whatever the pieces, to rounding; the progress too."""
    batch = _batch(400)
    whole = _learner(create)
    whole.learn(batch)
    for cuts in ([1, 2, 50, 399], [200], list(range(1, 400))):
        pieces = _learner(create)
        for start, stop in zip([0, *cuts], [*cuts, 400], strict=True):
            pieces.learn(batch[start:stop])
        gap = np.abs(_predicted(pieces) - _predicted(whole)).max()
        assert gap <= 1e-8, f"learned in {len(cuts) + 1} pieces, predictions differ by {gap}"
        told = pieces.progress()
        for name, number in whole.progress().items():
            other = told[name]
            if isinstance(number, str) or isinstance(other, str):
                assert other == number, f"progress '{name}' differs"
            else:
                assert abs(other - number) <= 1e-8 * max(1.0, abs(number)), f"progress '{name}' differs"


def learning_does_not_change_a_model_already_handed_out(create: Create) -> None:
    """Models are immutable."""
    learner = _learner(create)
    learner.learn(_batch(50))
    model = learner.reward_model()
    before = model.predict(_features(20)).mean.copy()
    learner.learn(_batch(50, seed=9))
    learner.reward_model()
    assert np.array_equal(before, model.predict(_features(20)).mean), "a model changed after it was handed out"


def equal_examples_and_seed_give_equal_bits(create: Create) -> None:
    """Deterministic, draws included."""
    first, second = (_learner(create) for _ in range(2))
    first.learn(_batch(120))
    second.learn(_batch(120))
    one, two = first.reward_model(n_draws=8).save(), second.reward_model(n_draws=8).save()
    assert one[0] == two[0], "settings differ"
    assert one[1].keys() == two[1].keys(), "tensors differ"
    for name, tensor in one[1].items():
        assert tensor.tobytes() == two[1][name].tobytes(), f"tensor '{name}' differs"


def it_learns_which_action_is_best_where(create: Create) -> None:
    """From 1,500 examples of uniform logging it finds the better action in nine contexts of ten."""
    learner = _learner(create)
    learner.learn(_batch(1500))
    x = _features(500, seed=5)
    found = learner.reward_model().predict(x).mean.argmax(axis=1)
    share = (found == _truth(x).argmax(axis=1)).mean()
    assert share >= 0.9, f"the best action was found in {share:.0%} of contexts"


def before_any_example_it_predicts_the_default(create: Create) -> None:
    """A number for every action, the default reward."""
    learner = create(n_actions=_K, n_features=_D, rng=np.random.default_rng(7), reward_default=0.25)
    np.testing.assert_allclose(learner.reward_model().predict(_features(5)).mean, 0.25)


def it_counts_what_it_learned(create: Create) -> None:
    """`progress()['n']` is the number of examples."""
    learner = _learner(create)
    learner.learn(_batch(37))
    learner.learn(_batch(5))
    assert learner.progress()["n"] == 42


PROMISES = (
    learning_in_pieces_is_learning_at_once,
    learning_does_not_change_a_model_already_handed_out,
    equal_examples_and_seed_give_equal_bits,
    it_learns_which_action_is_best_where,
    before_any_example_it_predicts_the_default,
    it_counts_what_it_learned,
)


def _learner(create: Create) -> Learner:
    return create(n_actions=_K, n_features=_D, rng=np.random.default_rng(7), reward_default=0.0)


def _features(n: int, *, seed: int = 1) -> NDArray[np.float64]:
    x = np.random.default_rng(seed).normal(size=(n, _D))
    x[:, 0] = 1.0
    return x


def _truth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) expected rewards of the world that is learned here; linear."""
    return np.asarray(x @ np.array([[0.5, 0.5, 0.3], [0.2, -0.2, 0.0], [0.0, 0.1, -0.3], [0.0, 0.0, 0.0]]))


def _batch(n: int, *, seed: int = 2) -> ExampleBatch:
    rng = np.random.default_rng(seed)
    x = _features(n, seed=seed)
    action = rng.integers(_K, size=n)
    return ExampleBatch(
        features=x,
        allowed=np.ones((n, _K), dtype=bool),
        action=action,
        reward=_truth(x)[np.arange(n), action] + rng.normal(scale=0.05, size=n),
        propensity=np.full(n, 1 / _K),
        decided_at=np.arange(n, dtype=np.int64) * 1_000_000,
    )


def _predicted(learner: Learner) -> NDArray[np.float64]:
    return np.asarray(learner.reward_model().predict(_features(50, seed=3)).mean)
