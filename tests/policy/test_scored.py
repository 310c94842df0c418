"""A scored policy: loaded from a manifest, it is checked before it can decide."""

import hashlib

import msgspec
import numpy as np
import pytest
import safetensors.numpy

from policyloop.core.errors import BadModel, UnknownName
from policyloop.core.loop import Field
from policyloop.core.model import Manifest
from policyloop.policy import scored
from policyloop.policy.features import Encoder
from policyloop.policy.policies import linear

FIELDS = {"x": Field(name="x", type="number")}


def stored(**changes):
    model = linear.create("none", np.array([[0.2, 0.1], [0.4, -0.1]]))
    settings, arrays = model.save()
    tensors = safetensors.numpy.save(arrays)
    manifest = Manifest(
        loop="shop",
        spec="s",
        recipe="r",
        parent=None,
        policy="linear",
        settings=settings,
        features=Encoder.fit(FIELDS, [{"x": 0.0}, {"x": 2.0}]).to_json(),
        labels=["a", "b"],
        explorer={"name": "greedy", "floor": 0.1, "reward_span": 1.0, "settings": {}},
        learner={"name": "linear", "settings": {}},
        snapshot={},
        trained_until=0,
        n_examples=10,
        seed=0,
        code="0",
        tensors=hashlib.sha256(tensors).hexdigest(),
        progress={},
    )
    return msgspec.structs.replace(manifest, **changes), tensors


def test_scores_are_the_weights_times_the_features():
    policy = scored.load(*stored())

    # x = 1 is the mean, so its feature is 0
    np.testing.assert_allclose(policy.rewards_of_many([{"x": 1.0}]), [[0.2, 0.4]])
    np.testing.assert_allclose(policy.probabilities_of_many([{"x": 1.0}], np.ones((1, 2), bool)), [[0.05, 0.95]])


def test_the_floor_can_change_without_a_new_model():
    policy = scored.load(*stored())

    assert policy.with_floor(0.5).pmf({"x": 1.0}, [True, True]) == [0.25, 0.75]
    assert policy.greedy().pmf({"x": 1.0}, [True, True]) == [0.0, 1.0]


def test_no_contexts_give_no_rows():
    assert scored.load(*stored()).probabilities_of_many([], np.ones((0, 2), bool)).shape == (0, 2)


def test_tensors_of_another_model_are_refused():
    manifest, _ = stored()

    with pytest.raises(BadModel, match="the manifest says"):
        scored.load(manifest, b"other bytes")


def test_a_model_for_another_number_of_actions_is_refused():
    with pytest.raises(BadModel, match="scores 2 actions; its manifest has 3 labels"):
        scored.load(*stored(labels=["a", "b", "c"]))


def test_weights_that_are_not_numbers_are_refused():
    tensors = safetensors.numpy.save({"weights": np.array([[np.nan, 0.0]])})

    with pytest.raises(BadModel, match="not all finite"):
        scored.load(stored(tensors=hashlib.sha256(tensors).hexdigest())[0], tensors)


def test_an_explorer_that_is_not_installed_is_named():
    explorer = {"name": "squarecd", "floor": 0.1, "reward_span": 1.0, "settings": {}}

    with pytest.raises(UnknownName, match="did you mean 'squarecb'"):
        scored.load(*stored(explorer=explorer))
