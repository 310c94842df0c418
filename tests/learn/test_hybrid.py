"""The hybrid learner: shared weights for all candidates, and weights of their own for known ids."""

import numpy as np
import pytest

from policyloop.core.example import ExampleBatch
from policyloop.core.policy import Pairs
from policyloop.learn.hybrid import HybridLearner, _Layout
from policyloop.policy.needs import WIDTH
from policyloop.policy.shared_linear import load

D, E = 3, 4


def learner(n_ids=0, **settings):
    usual = {"draw_seed": 5, "reward_default": 0.0, "half_life_s": None, "max_weight": None}
    return HybridLearner(D, E, n_ids, **{**usual, **settings})


def batch(n, seed, reward_of, *, n_ids=0, noise=0.0):
    rng = np.random.default_rng(seed)
    contexts = np.hstack([np.ones((n, 1)), rng.normal(size=(n, D - 1))])
    actions = np.hstack([np.ones((n, 1)), rng.normal(size=(n, E - 1))])
    ids = rng.integers(-1, n_ids, size=n) if n_ids else np.full(n, -1)
    return ExampleBatch(
        features=contexts,
        allowed=np.ones((n, 1), dtype=bool),
        action=np.zeros(n, dtype=np.int64),
        reward=reward_of(contexts, actions, ids) + noise * rng.normal(size=n),
        propensity=np.full(n, 0.5),
        decided_at=np.arange(n) * 1_000_000,
        action_features=actions,
        action_id=ids.astype(np.intp),
    )


def foretold(model, some):
    return model.predict_pairs(Pairs(some.features, np.arange(len(some)), some.action_features, some.action_id)).mean


def crossed(contexts, actions, ids):
    return 0.5 + actions[:, 1] * contexts[:, 2] - 0.3 * actions[:, 3] + 0.2 * contexts[:, 1]


def with_peak(contexts, actions, ids):
    return 1.0 - actions[:, 2] ** 2 + 0.5 * actions[:, 1] * actions[:, 3]


def with_ids(contexts, actions, ids):
    own = np.array([[1.0, 0.5, 0.0], [-1.0, 0.0, 0.5], [0.0, 0.0, 0.0]])
    return crossed(contexts, actions, ids) + (own[ids] * contexts).sum(axis=1) * (ids >= 0)


@pytest.mark.parametrize(("reward_of", "n_ids"), [(crossed, 0), (with_peak, 0), (with_ids, 2)])
def test_it_finds_the_truth_where_it_is_of_its_form(reward_of, n_ids):
    learned = learner(n_ids)
    learned.learn(batch(3000, 1, reward_of, n_ids=n_ids))

    new = batch(200, 2, reward_of, n_ids=n_ids)

    error = foretold(learned.reward_model(), new) - new.reward
    assert np.sqrt((error**2).mean()) < 0.03


def widths(model, some):
    return model.predict_pairs(Pairs(some.features, np.arange(len(some)), some.action_features, some.action_id)).draws[0]


def test_widths_are_the_standard_errors_of_one_wide_regression():
    some = batch(300, 4, with_ids, n_ids=2, noise=0.1)
    learned = learner(2, needs=WIDTH)
    learned.learn(some)
    new = batch(50, 9, with_ids, n_ids=2)

    model = learned.reward_model(n_draws=1)
    found = widths(model, new)

    form, noise = learned._forms[learned._race.leader], learned._race.noise
    layout = _Layout.of(D, E)

    def wide(rows):
        own = [rows.features * (rows.action_id == known)[:, np.newaxis] for known in range(2)]
        return np.hstack([layout.expand(rows.features, rows.action_features)[:, form.terms], *own])

    free = np.append(np.where(form.terms == 0, 1e-3, 1.0), np.ones(2 * D))
    inverse = np.linalg.inv(wide(some).T @ wide(some) + form.ridge * np.diag(free))
    np.testing.assert_allclose(found, noise * np.sqrt(np.einsum("nt,tu,nu->n", wide(new), inverse, wide(new))), rtol=1e-8)
    np.testing.assert_array_equal(widths(load(*model.save()), new), found)
    assert model.n_draws == 1


def test_widths_narrow_as_examples_come():
    learned = learner(needs=WIDTH)
    new = batch(50, 9, crossed)
    learned.learn(batch(300, 4, crossed, noise=0.5))
    before = widths(learned.reward_model(n_draws=1), new)

    learned.learn(batch(3000, 5, crossed, noise=0.5))

    assert (widths(learned.reward_model(n_draws=1), new) < 0.6 * before).all()


def test_learning_in_pieces_equals_learning_at_once():
    every = batch(700, 3, with_ids, n_ids=2, noise=0.1)
    at_once, in_pieces = learner(2), learner(2)

    at_once.learn(every)
    for start in range(0, 700, 90):
        in_pieces.learn(every[start : start + 90])

    np.testing.assert_allclose(
        foretold(at_once.reward_model(), every), foretold(in_pieces.reward_model(), every), rtol=0, atol=1e-9
    )
    assert at_once.progress() == pytest.approx(in_pieces.progress())


def test_the_elimination_of_ids_gives_what_one_wide_regression_gives():
    some = batch(400, 4, with_ids, n_ids=2, noise=0.1)
    learned = learner(2)
    learned.learn(some)
    form = learned._forms[4]  # a x', ridge 1
    solution = learned._solve(form)

    terms = _Layout.of(D, E).expand(some.features, some.action_features)[:, form.terms]
    own = np.zeros((400, 2 * D))
    for place in range(2):
        own[:, place * D : (place + 1) * D] = some.features * (some.action_id == place)[:, np.newaxis]
    wide = np.hstack([terms, own])
    ridge = np.full(wide.shape[1], form.ridge)
    ridge[0] *= 1e-3
    expected = np.linalg.solve(wide.T @ wide + np.diag(ridge), wide.T @ some.reward)

    np.testing.assert_allclose(solution.shared[form.terms], expected[: terms.shape[1]], atol=1e-9)
    np.testing.assert_allclose(solution.of_id.ravel(), expected[terms.shape[1] :], atol=1e-9)


def test_one_decision_is_scored_as_many_are():
    learned = learner(2)
    learned.learn(batch(500, 5, with_ids, n_ids=2, noise=0.1))
    model = learned.reward_model(n_draws=3)
    some = batch(6, 6, with_ids, n_ids=2)

    together = model.predict_pairs(
        Pairs(some.features[:1].repeat(6, axis=0), np.arange(6), some.action_features, some.action_id)
    )
    alone = model.predict_pairs(Pairs(some.features[:1], np.zeros(6, dtype=np.intp), some.action_features, some.action_id))

    np.testing.assert_allclose(together.mean, alone.mean, atol=1e-12)
    np.testing.assert_allclose(together.draws, alone.draws, atol=1e-12)


def test_draws_spread_as_wide_as_what_is_not_known():
    few, many = learner(), learner()
    few.learn(batch(60, 7, crossed, noise=0.3))
    many.learn(batch(6000, 7, crossed, noise=0.3))
    new = batch(50, 8, crossed)
    pairs = Pairs(new.features, np.arange(50), new.action_features, new.action_id)

    widths = [one.reward_model(n_draws=200).predict_pairs(pairs).draws.std(axis=0).mean() for one in (few, many)]

    assert widths[0] > 5 * widths[1]
    error = many.reward_model().predict_pairs(pairs).mean - new.reward
    assert 0.3 < np.abs(error).mean() / widths[1] < 3


def test_a_candidate_that_nobody_saw_is_scored_by_its_features():
    learned = learner(2)
    learned.learn(batch(2000, 9, with_ids, n_ids=2))
    model = learned.reward_model()
    x = np.array([[1.0, 0.0, 1.0]])
    actions = np.array([[1.0, 2.0, 0.0, 0.0], [1.0, -2.0, 0.0, 0.0]])

    mean = model.predict_pairs(Pairs(x, np.zeros(2, dtype=np.intp), actions, np.array([-1, -1]))).mean

    assert mean[0] - mean[1] == pytest.approx(4.0, abs=0.05)


def test_old_examples_fade():
    learned = learner(half_life_s=10.0)
    old, new = batch(1000, 10, lambda c, a, i: np.ones(len(c))), batch(1000, 11, lambda c, a, i: np.zeros(len(c)))
    learned.learn(old)
    learned.learn(ExampleBatch(**{**{f: getattr(new, f) for f in new.__slots__}, "decided_at": new.decided_at + 2_000_000_000}))

    assert foretold(learned.reward_model(), new).max() < 0.05
