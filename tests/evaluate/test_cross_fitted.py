"""Cross-fitted predictions: each fold by a model of the others."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.example import Examples
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.cross_fitted import cross_fitted, folds_of
from policyloop.evaluate.estimators import dr, ips

SPEC = read_spec(
    {
        "loop": "shop",
        "context": {"kind": {"type": "category", "values": ["a", "b"]}},
        "actions": {"labels": ["x", "y"]},
        "outcomes": {"earned": {"type": "number", "min": 0, "max": 1}},
        "reward": {"expression": "earned", "range": [0, 1]},
    }
)
EXPECTED = {"a": (0.2, 0.8), "b": (0.7, 0.1)}


def a_log(n, seed=0):
    rng = np.random.default_rng(seed)
    kinds = rng.choice(["a", "b"], n)
    action = rng.integers(0, 2, n)
    mean = np.array([EXPECTED[kind] for kind in kinds])
    return Examples(
        contexts=[{"kind": str(kind)} for kind in kinds],
        allowed=np.ones((n, 2), dtype=bool),
        action=action,
        reward=np.clip(mean[np.arange(n), action] + rng.normal(0, 0.05, n), 0, 1),
        propensity=np.full(n, 0.5),
        pmf=np.full((n, 2), 0.5),
        split=rng.random(n),
        decided_at=np.arange(n),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["m"] * n, dtype=object),
    )


def test_what_the_examples_teach_is_predicted():
    log = a_log(600)

    got = cross_fitted(log, SPEC)

    expected = np.array([EXPECTED[context["kind"]] for context in log.contexts])
    assert np.abs(got - expected).max() < 0.1


def test_no_example_has_a_say_in_its_own_prediction():
    log = a_log(200)
    changed = replace(log, reward=np.where(np.arange(200) == 17, 1 - log.reward, log.reward))
    fold = folds_of(log.split)

    before, after = cross_fitted(log, SPEC), cross_fitted(changed, SPEC)

    np.testing.assert_array_equal(before[fold == fold[17]], after[fold == fold[17]])
    assert (before[fold != fold[17]] != after[fold != fold[17]]).any()


def test_folds_are_of_about_one_size_and_keep_examples_of_one_draw_together():
    split = np.random.default_rng(1).random(1000)
    split[:3] = 0.42

    got = folds_of(split)

    assert set(np.bincount(got)) <= set(range(190, 211))
    assert len(set(got[:3])) == 1


def test_where_there_is_no_other_fold_the_middle_of_the_range_is_predicted():
    alone = replace(a_log(20), split=np.full(20, 0.9))

    np.testing.assert_array_equal(cross_fitted(alone, SPEC), np.full((20, 2), 0.5))
    assert cross_fitted(alone.where(np.zeros(20, dtype=bool)), SPEC).shape == (0, 2)


def test_predictions_stay_within_the_range_of_rewards():
    got = cross_fitted(a_log(60, seed=2), SPEC)

    assert got.min() >= 0
    assert got.max() <= 1


def test_they_make_the_doubly_robust_estimate_calmer_than_ips():
    log = a_log(1000, seed=3)
    target = np.array([[0.1, 0.9] if context["kind"] == "a" else [0.9, 0.1] for context in log.contexts])
    given = {"action": log.action, "target_pmf": target}

    doubly = dr.estimate(log.reward, log.propensity, **given, predicted=cross_fitted(log, SPEC))
    plain = ips.estimate(log.reward, log.propensity, **given)

    assert doubly.stderr < plain.stderr / 2
    assert doubly.value == pytest.approx(0.5 * (0.74 + 0.64), abs=4 * doubly.stderr)
