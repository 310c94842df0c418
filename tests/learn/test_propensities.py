"""Estimated propensities: by hand in small worlds, close to the truth in larger ones, and never evidence."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.candidates import candidates_of
from policyloop.core.example import Examples
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.compare import evidence
from policyloop.learn import train
from policyloop.learn.propensities import believed, chance, fit

ITEMS = [candidates_of([str(i), str(j)], [{"f": float(i)}, {"f": float(j)}]) for i in range(3) for j in range(3) if i != j]


def loop(**learner):
    return read_spec(
        {
            "loop": "items",
            "context": {"x": {"type": "number"}},
            "actions": {"kind": "candidates", "features": {"f": {"type": "number"}}, "ids": ["0", "1", "2"]},
            "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
            "learner": {"name": "linear", **learner},
            "train": {"split": 1.0},
        }
    )


def examples(offered, *, sampled=None, x=None, action=None, reward=None, k=None):
    n = len(offered)
    k = max(len(one) for one in offered) if k is None else k
    return Examples(
        contexts=[{"x": value} for value in (np.zeros(n) if x is None else x).tolist()],
        allowed=np.arange(k) < np.array([len(one) for one in offered])[:, np.newaxis],
        action=np.zeros(n, dtype=np.int64) if action is None else action,
        reward=np.zeros(n) if reward is None else reward,
        propensity=np.full(n, np.nan),
        pmf=np.full((n, k), np.nan),
        split=np.full(n, 0.5),
        decided_at=np.arange(n),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["imported:improve"] * n, dtype=object),
        candidates=offered,
        sampled=sampled,
    )


def estimated(rows, **learner):
    encoders = train.fit_encoders(rows, loop(**learner))
    return believed(rows, encoders.context.encode_many(rows.contexts), encoders.candidates)


def test_a_logistic_regression_on_one_hot_pairs_is_a_weighted_share():
    terms = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    is_chosen = np.array([True, False, True, True, False])
    weight = np.array([1.0, 3.0, 1.0, 1.0, 2.0])

    w = fit(terms, is_chosen, weight, ridge=1e-9)

    # 1 / (1 + 3), and 2 / (2 + 2)
    np.testing.assert_allclose(chance(np.eye(2), w), [0.25, 0.5], atol=1e-6)


def test_pairs_that_can_be_told_apart_without_fail_do_not_run_away():
    w = fit(np.array([[1.0, -5.0], [1.0, 5.0]]), np.array([False, True]), np.array([1.0, 1.0]))

    assert np.isfinite(w).all()
    assert chance(np.array([[1.0, 5.0]]), w)[0] > 0.8


def test_newtons_method_ends_where_the_slope_is_0():
    rng = np.random.default_rng(2)
    terms = np.column_stack([np.ones(400), 3 * rng.normal(size=(400, 4))])
    is_chosen, weight = rng.random(400) < chance(terms, np.array([-2.0, 1, -1, 2, 0])), 1 + 50.0 * rng.random(400)

    w = fit(terms, is_chosen, weight)

    np.testing.assert_allclose(terms.T.dot(weight * (chance(terms, w) - is_chosen)) + w, 0.0, atol=1e-2)


def sampled_log(n, *, seed, p=(0.6, 0.3, 0.1)):
    """Item i of three is chosen with probability p_i, whatever the context; one of the other two is logged by even chance."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(3, size=n, p=p)
    other = (chosen + rng.integers(1, 3, size=n)) % 3
    of_pair = {(int(one.ids[0]), int(one.ids[1])): one for one in ITEMS}
    offered = [of_pair[pair] for pair in zip(chosen.tolist(), other.tolist(), strict=True)]
    return chosen, examples(offered, sampled=np.tile([3, 1], (n, 1)))


def test_what_is_chosen_against_one_sample_that_stands_for_the_others_gives_the_propensity():
    chosen, rows = sampled_log(20_000, seed=1)

    found = estimated(rows).believed

    np.testing.assert_allclose([found[chosen == i].mean() for i in range(3)], [0.6, 0.3, 0.1], atol=0.015)


def test_weighing_by_them_is_unbiased_where_the_plain_mean_is_not():
    # Item i brings reward i / 2, so a policy that takes all alike earns 1 / 2; the log's own mean is .25.
    values, plain = [], []
    for seed in range(40):
        chosen, rows = sampled_log(1500, seed=seed)
        reward = chosen / 2
        values.append(float((reward / 3 / estimated(rows).believed).mean()))
        plain.append(float(reward.mean()))

    stderr = np.std(values, ddof=1) / len(values) ** 0.5
    assert abs(np.mean(values) - 0.5) < 4 * stderr + 0.005  # the ridge draws a little
    assert np.mean(plain) == pytest.approx(0.25, abs=0.02)


def test_propensities_that_depend_on_the_context_are_found():
    rng = np.random.default_rng(3)
    n = 30_000
    x = rng.choice([-1.0, 1.0], size=n)
    p = np.where(x > 0, 0.9, 0.2)  # of item 2, which is offered with item 0
    took_two = rng.random(n) < p
    pair = {(int(one.ids[0]), int(one.ids[1])): one for one in ITEMS}
    rows = examples([pair[2, 0] if two else pair[0, 2] for two in took_two], x=x, sampled=np.tile([2, 1], (n, 1)))

    found = estimated(rows).believed

    truth = np.where(took_two, p, 1 - p)
    assert np.abs(found - truth).max() < 0.02


def test_where_all_candidates_are_logged_all_of_them_are_compared():
    rng = np.random.default_rng(4)
    everything = candidates_of(["0", "1", "2"], [{"f": 0.0}, {"f": 1.0}, {"f": 2.0}])
    action = rng.choice(3, size=9000, p=[0.7, 0.2, 0.1])

    found = estimated(examples([everything] * 9000, action=action)).believed

    np.testing.assert_allclose([found[action == i].mean() for i in range(3)], [0.7, 0.2, 0.1], atol=0.02)


def test_one_that_had_no_other_beside_it_was_certain():
    alone = candidates_of(["0"], [{"f": 0.0}])
    _, rows = sampled_log(500, seed=5)
    mixed = examples([*rows.candidates, alone], sampled=np.vstack([rows.sampled, [[1, -1]]]))

    assert estimated(mixed).believed[-1] == 1.0


def test_labels_are_compared_with_all_that_were_allowed():
    rng = np.random.default_rng(6)
    n = 12_000
    x = np.column_stack([np.ones(n), rng.choice([-1.0, 1.0], size=n)])
    p = np.where(x[:, 1:] > 0, [[0.7, 0.2, 0.1]], [[0.1, 0.1, 0.8]])
    action = (rng.random((n, 1)) > p.cumsum(axis=1)).sum(axis=1).clip(max=2)
    rows = replace(examples([ITEMS[0]] * n, action=action, k=3), candidates=None, allowed=np.ones((n, 3), dtype=bool))

    found = believed(rows, x, None).believed

    np.testing.assert_allclose(found, p[np.arange(n), action], atol=0.03)


def test_what_is_known_or_believed_already_stays():
    _, rows = sampled_log(100, seed=7)
    told = replace(
        rows, propensity=np.where(np.arange(100) < 10, 0.3, np.nan), believed=np.where(np.arange(100) >= 90, 0.7, np.nan)
    )

    found = estimated(told)

    np.testing.assert_array_equal(found.propensity, told.propensity)
    assert np.isnan(found.believed[:10]).all()
    assert (found.believed[90:] == 0.7).all()
    assert np.isfinite(found.believed[10:90]).all()
    assert found.propensity_kind.tolist() == ["probability"] * 10 + ["estimated"] * 90
    assert told.propensity_kind.tolist() == ["probability"] * 10 + ["unknown"] * 80 + ["estimated"] * 10


def test_no_gate_takes_an_estimate_for_evidence():
    _, rows = sampled_log(50, seed=8)
    told = replace(estimated(rows), propensity=np.where(np.arange(50) < 20, 0.3, np.nan))

    assert np.isfinite(told.believed).all()
    assert len(evidence(told, split=0.0)) == 20
    assert len(evidence(estimated(rows), split=0.0)) == 0


def test_a_learner_that_weighs_gets_them_and_another_gets_what_is_known():
    chosen, rows = sampled_log(3000, seed=9)
    told = replace(rows, reward=chosen / 2)
    encoders = train.fit_encoders(told, loop())

    weighed, plain = (train.encoded(told, encoders, is_weighed=asks) for asks in (True, False))

    assert np.isnan(plain.propensity).all()
    assert weighed.propensity[chosen == 0].mean() == pytest.approx(0.6, abs=0.05)
    weights = [
        train.train(told, loop(**settings), seed=1, parent=None, snapshot={}, code_version="0").tensors
        for settings in ({"max_weight": 50}, {})
    ]
    assert weights[0] != weights[1]
