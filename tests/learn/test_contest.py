"""Contest: what a model's best action is worth, hand-worked; who leads, and the reason in words."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting, MissingLibrary, UnknownName
from policyloop.core.example import ExampleBatch
from policyloop.learn.contest import MAX_WEIGHT, Contest, Entrant, Pairing, values
from policyloop.learn.learners import automatic, linear


def batch(n, *, action, reward, propensity=0.5, k=2, x=None, allowed=None):
    return ExampleBatch(
        features=np.ones((n, 1)) if x is None else np.hstack([np.ones((n, 1)), x]),
        allowed=np.ones((n, k), dtype=bool) if allowed is None else np.array(allowed),
        action=np.asarray(action, dtype=np.int64),
        reward=np.asarray(reward, dtype=np.float64),
        propensity=np.broadcast_to(np.asarray(propensity, dtype=np.float64), (n,)),
        decided_at=np.arange(n, dtype=np.int64),
    )


def test_the_worth_of_a_best_action_is_the_shared_guess_corrected_where_it_was_taken():
    foretold = np.array([[[0.8, 0.2]], [[0.2, 0.4]]])  # the guess of both: 0.5 and 0.3

    worth = values(foretold, batch(1, action=[1], reward=[1.0], propensity=0.25))

    assert worth.ravel().tolist() == pytest.approx([0.5, 0.3 + (1.0 - 0.3) / 0.25])


def test_the_correction_is_clipped_and_left_out_where_the_propensity_is_unknown():
    foretold = np.array([[[0.0, 0.5], [0.0, 0.5]]])

    worth = values(foretold, batch(2, action=[1, 1], reward=[1.0, 1.0], propensity=[1e-6, np.nan]))

    assert worth.ravel().tolist() == pytest.approx([0.5 + MAX_WEIGHT * 0.5, 0.5])


def test_an_action_that_is_not_allowed_is_nobodys_best():
    foretold = np.array([[[0.9, 0.1]]])

    worth = values(foretold, batch(1, action=[1], reward=[0.1], allowed=[[False, True]]))

    assert worth.ravel().tolist() == pytest.approx([0.1])


def test_a_lead_is_told_in_standard_errors_of_the_paired_difference():
    pairing = Pairing(2)
    pairing.add(np.array([[1.0, 2.0], [5.0, 4.0]]))
    pairing.add(np.array([[3.0], [6.0]]))

    gap = np.array([4.0, 2.0, 3.0])
    assert pairing.lead(1, 0) == pytest.approx(gap.mean() / (gap.std(ddof=1) / np.sqrt(3)))
    assert pairing.lead(0, 1) == pytest.approx(-pairing.lead(1, 0))
    assert pairing.lead(0, 0) == 0.0


def create(names, **settings):
    rng = np.random.default_rng(7)
    return automatic.create(n_actions=2, n_features=3, rng=rng, reward_default=0.0, recipes=names, **settings)


def corners(n):
    """No line tells which action is right; trees do."""
    rng = np.random.default_rng(1)
    x, action = rng.uniform(-1, 1, size=(n, 2)), rng.integers(2, size=n)
    return batch(n, action=action, reward=(x[:, 0] > 0.4 * np.sign(x[:, 1]) * np.sin(9 * x[:, 0])) == action, x=x)


def lines(n):
    rng = np.random.default_rng(2)
    x, action = rng.normal(size=(n, 2)), rng.integers(2, size=n)
    return batch(n, action=action, reward=x[:, 0] * (1 - 2 * action) + rng.normal(size=n), x=x)


def test_trees_win_where_no_product_of_features_tells_what_is_right():
    contest = create(["linear", "boosted"])
    contest.learn(corners(2500))

    told = contest.progress()

    assert contest.reward_model().kind == "boosted"
    assert told["learner"] == "boosted"
    assert told["reason"].startswith("boosted, judged by 2,436 examples before they were learned. linear: worth 0.")
    assert "against it, the leader is worth +" in told["reason"]


def test_the_simpler_stays_where_nothing_speaks_clearly_for_another():
    contest = create(["linear", "boosted"])
    contest.learn(lines(1500))

    assert contest.progress()["learner"] == "linear"


def test_the_first_leads_until_enough_has_been_scored():
    contest = create(["boosted", "linear"])
    contest.learn(lines(90))

    told = contest.progress()

    assert (told["n"], told["learner"]) == (90, "boosted")
    assert told["reason"] == "boosted leads until 50 examples have been scored."


def test_a_model_with_draws_comes_from_a_learner_that_gives_them():
    def one(seed):
        return linear.create(n_actions=2, n_features=1, rng=np.random.default_rng(seed), reward_default=0.0)

    contest = Contest([Entrant("without", one(1), False), Entrant("with", one(2), True)])
    contest.learn(batch(10, action=np.zeros(10), reward=np.ones(10)))

    assert contest.reward_model().n_draws == 0
    assert contest.progress()["learner"] == "without"
    assert contest.reward_model(n_draws=3).n_draws == 3
    assert contest.progress()["learner"] == "with"


def test_learners_of_candidates_are_judged_by_their_errors():
    rng = np.random.default_rng(8)
    n = 1500
    x, theirs = rng.uniform(-1, 1, size=(n, 2)), np.hstack([np.ones((n, 1)), rng.uniform(-1, 1, size=(n, 1))])
    plain = batch(n, action=np.zeros(n), reward=(np.abs(x[:, 0] - theirs[:, 1]) < 0.3).astype(float), x=x)
    columns = {name: getattr(plain, name) for name in ("features", "allowed", "action", "reward", "propensity", "decided_at")}
    contest = automatic.create_shared(
        n_features=3, n_action_features=2, n_ids=0, rng=rng, reward_default=0.0, recipes=["linear", "boosted"]
    )

    contest.learn(ExampleBatch(**columns, action_features=theirs, action_id=np.full(n, -1)))

    told = contest.progress()
    assert told["learner"] == "boosted"
    assert "worth" not in told["reason"]
    assert "linear: squared error" in told["reason"]


@pytest.mark.parametrize("names", [[], ["automatic"], "linear"])
def test_a_contest_needs_other_learners(names):
    with pytest.raises(BadSetting, match="expected a list of other learners, such as"):
        create(names)


def test_an_unknown_learner_is_named():
    with pytest.raises(UnknownName, match="no learner is named 'boosed'; did you mean 'boosted'"):
        create(["linear", "boosed"])


def test_one_that_does_not_take_the_settings_is_refused():
    with pytest.raises((BadSetting, MissingLibrary)):
        create(["linear", "vw"], half_life_s=60.0)
