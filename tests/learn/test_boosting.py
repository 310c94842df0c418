"""Boosting: our trees say what LightGBM's say, and validation chooses how many are used."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.core.policy import Pairs
from policyloop.learn.boosting import ROUNDS, grow, packed
from policyloop.learn.learners import boosted
from policyloop.policy.forest import Forest

S = 1_000_000


def batch(x, action, reward, decided_at=None, *, action_features=None):
    n = len(x)
    return ExampleBatch(
        features=np.hstack([np.ones((n, 1)), x]),
        allowed=np.ones((n, 2), dtype=bool),
        action=np.asarray(action, dtype=np.int64),
        reward=np.asarray(reward, dtype=np.float64),
        propensity=np.full(n, 0.5),
        decided_at=np.arange(n, dtype=np.int64) * S if decided_at is None else decided_at,
        action_features=action_features,
        action_id=None if action_features is None else np.full(n, -1),
    )


def learner(*, half_life_s=None, n_features=3, reward_default=0.0):
    rng = np.random.default_rng(5)
    return boosted.create(n_actions=2, n_features=n_features, rng=rng, reward_default=reward_default, half_life_s=half_life_s)


def corners(n, *, seed=1):
    """Reward 1 for action 1 where both features have the same sign, for action 0 where they have not: no line tells that."""
    rng = np.random.default_rng(seed)
    x, action = rng.uniform(-1, 1, size=(n, 2)), rng.integers(2, size=n)
    return x, action, ((x[:, 0] * x[:, 1] > 0) == action).astype(float)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_our_trees_say_what_those_of_lightgbm_say(scale):
    rng = np.random.default_rng(3)
    x = scale * rng.normal(size=(800, 6))
    x[:, 5] = np.round(x[:, 5] / scale)  # many equal numbers, 0 among them
    groups = [np.sin(x[:, 0] / scale) + x[:, 5], rng.normal(size=800)]
    grown = {g: grow(x, y, np.ones(800), n_rounds=40) for g, y in enumerate(groups)}
    fresh = np.vstack([x, 2 * scale * rng.normal(size=(800, 6)), np.zeros((1, 6))])

    forest = Forest(packed(grown, n_groups=2, n_rounds=40))

    expected = np.stack([grown[g].predict(fresh, num_threads=1) for g in (0, 1)], axis=1)
    assert np.abs(forest.sums(fresh) - expected).max() <= 1e-9 * max(1.0, np.abs(expected).max())
    assert np.abs(np.array([forest.sums_of_one(row) for row in fresh[::50]]) - expected[::50]).max() <= 1e-9


def test_fewer_rounds_are_the_first_trees():
    x = np.random.default_rng(3).normal(size=(300, 2))
    booster = grow(x, x[:, 0] * x[:, 1], np.ones(300), n_rounds=30)

    forest = Forest(packed({0: booster}, n_groups=1, n_rounds=7))

    np.testing.assert_allclose(forest.sums(x)[:, 0], booster.predict(x, num_iteration=7, num_threads=1), atol=1e-9)


@pytest.mark.parametrize("x", [np.ones((50, 2)), np.arange(9.0)[:, np.newaxis]], ids=["never differs", "too few"])
def test_nothing_grows_where_nothing_can_be_split(x):
    assert grow(x, np.ones(len(x)), np.ones(len(x)), n_rounds=5) is None


def test_trees_are_used_where_lines_tell_nothing():
    made = learner()
    x, action, reward = corners(1000)
    made.learn(batch(x, action, reward))

    model = made.reward_model()

    fresh, _, _ = corners(400, seed=9)
    best = model.predict(np.hstack([np.ones((400, 1)), fresh])).mean.argmax(axis=1)
    assert (best == (fresh[:, 0] * fresh[:, 1] > 0)).mean() > 0.93
    assert made.progress()["n_rounds"] == ROUNDS[-1]


def test_no_trees_are_used_where_lines_tell_all():
    rng = np.random.default_rng(4)
    x, action = rng.normal(size=(1000, 2)), rng.integers(2, size=1000)
    made = learner()
    made.learn(batch(x, action, x[:, 0] * (1 - 2 * action) + rng.normal(size=1000)))

    made.reward_model()

    assert made.progress()["n_rounds"] == 0
    assert made.progress()["progressive_loss"] == pytest.approx(1.0, abs=0.15)


def test_an_action_that_was_never_taken_is_expected_half_way_to_what_is_earned():
    made = learner(reward_default=0.2)
    made.learn(batch(np.zeros((40, 2)), np.zeros(40), np.arange(40) % 2))

    mean = made.reward_model().predict(np.array([1.0, 0.0, 0.0])).mean

    assert mean[1] == pytest.approx(0.2 + 0.5 * 0.3)  # 0.5 is earned, 0.3 over the default


def test_what_is_many_half_lives_old_is_forgotten():
    rng = np.random.default_rng(6)
    x, action = rng.uniform(-1, 1, size=(600, 2)), rng.integers(2, size=600)
    reward = np.where(np.arange(600) < 300, action == 0, action == 1).astype(float)
    made = learner(half_life_s=40.0)
    made.learn(batch(x, action, reward))

    mean = made.reward_model().predict(np.array([1.0, 0.0, 0.0])).mean

    assert mean[1] > mean[0] + 0.4


def test_a_half_life_of_nothing_is_refused():
    with pytest.raises(BadSetting, match=r"train\.half_life is 0 s; expected a time above 0, or none\."):
        learner(half_life_s=0)


def test_a_model_is_handed_out_again_until_there_is_a_fiftieth_more_to_learn_from():
    made = learner()
    x, action, reward = corners(102)
    whole = batch(x, action, reward)
    made.learn(whole[:100])
    first = made.reward_model()
    made.learn(whole[100:102])
    same = made.reward_model()
    made.learn(whole[:1])

    assert same is first
    assert made.reward_model() is not first


def test_candidates_share_trees_over_their_features_and_those_of_the_context():
    rng = np.random.default_rng(8)
    n = 1200
    x, theirs = rng.uniform(-1, 1, size=(n, 1)), np.hstack([np.ones((n, 1)), rng.uniform(-1, 1, size=(n, 1))])
    reward = (np.abs(x[:, 0] - theirs[:, 1]) < 0.4).astype(float)  # near the context, neither more nor less
    made = boosted.create_shared(n_features=2, n_action_features=2, n_ids=0, rng=np.random.default_rng(5), reward_default=0.0)
    made.learn(batch(x, np.zeros(n), reward, action_features=theirs))

    offered = np.array([[1.0, -0.8], [1.0, 0.5], [1.0, 0.0]])
    mean = (
        made.reward_model()
        .predict_pairs(Pairs(np.array([[1.0, 0.5]]), np.zeros(3, dtype=np.intp), offered, np.full(3, -1)))
        .mean
    )

    assert mean.argmax() == 1
    assert mean[1] > 0.7
    assert mean[0] < 0.3


def test_candidates_of_which_nothing_is_known_bring_the_default():
    made = boosted.create_shared(n_features=2, n_action_features=2, n_ids=1, rng=np.random.default_rng(5), reward_default=0.3)
    pairs = Pairs(np.ones((1, 2)), np.zeros(2, dtype=np.intp), np.ones((2, 2)), np.array([0, -1]))

    np.testing.assert_allclose(made.reward_model(n_draws=2).predict_pairs(pairs).mean, 0.3)
