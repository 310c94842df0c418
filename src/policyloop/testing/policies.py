"""What every policy kind promises: a reward model that can be saved. Each function is one promise.

`module` is the plug-in, with `specimen(*, n_actions, n_features, n_draws, rng)` and `load(settings, tensors)`.
Letters: n decisions, k actions, d features, s draws.
"""

from __future__ import annotations

import json
from types import ModuleType

import numpy as np
import safetensors.numpy

from policyloop.core.policy import RewardModel

_K, _D = 4, 6


def saved_and_loaded_it_predicts_the_same_bits(module: ModuleType) -> None:
    """Through JSON and safetensors, as models are stored; with draws and without."""
    for n_draws in (0, 5):
        model = _specimen(module, n_draws)
        settings, tensors = model.save()
        stored = json.loads(json.dumps(settings)), safetensors.numpy.load(safetensors.numpy.save(tensors))
        loaded: RewardModel = module.load(*stored)
        x = _features(9)
        before, after = model.predict(x), loaded.predict(x)
        assert np.array_equal(before.mean, after.mean), "the means changed on the way"
        assert loaded.n_draws == model.n_draws, "the number of draws changed on the way"
        if before.draws is not None:
            assert after.draws is not None, "the draws were lost on the way"
            assert np.array_equal(before.draws, after.draws), "the draws changed on the way"


def one_decision_is_scored_as_among_many(module: ModuleType) -> None:
    """(d,) and (n, d) features agree to 1e-12."""
    model = _specimen(module, 5)
    x = _features(9)
    together = model.predict(x)
    for i, row in enumerate(x):
        alone = model.predict(row)
        assert np.abs(alone.mean - together.mean[i]).max() <= 1e-12, "means differ"
        if together.draws is not None:
            assert alone.draws is not None, "one decision got no draws"
            assert np.abs(alone.draws - together.draws[i]).max() <= 1e-12, "draws differ"


def there_is_a_score_for_every_action(module: ModuleType) -> None:
    """Shapes: (k,) for one decision, (n, k) for many, (..., s, k) for draws."""
    model = _specimen(module, 5)
    assert model.predict(_features(1)[0]).mean.shape == (_K,)
    many = model.predict(_features(3))
    assert many.mean.shape == (3, _K)
    if model.n_draws:
        assert many.draws is not None
        assert many.draws.shape == (3, model.n_draws, _K)


def it_knows_its_own_kind(module: ModuleType) -> None:
    """`kind` is the plug-in's file name, by which it is loaded again."""
    assert _specimen(module, 0).kind == module.__name__.rsplit(".", 1)[-1]


PROMISES = (
    saved_and_loaded_it_predicts_the_same_bits,
    one_decision_is_scored_as_among_many,
    there_is_a_score_for_every_action,
    it_knows_its_own_kind,
)


def _specimen(module: ModuleType, n_draws: int) -> RewardModel:
    model: RewardModel = module.specimen(n_actions=_K, n_features=_D, n_draws=n_draws, rng=np.random.default_rng(3))
    return model


def _features(n: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    x = np.random.default_rng(4).normal(size=(n, _D))
    x[:, 0] = 1.0
    return x
