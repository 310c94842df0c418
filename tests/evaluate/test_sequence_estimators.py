"""Estimators of whole episodes: hand-worked numbers, a chain whose values are known exactly, and ways that must agree."""

from __future__ import annotations

import numpy as np
import pytest

from chain import played, pmf_of, uphill, values
from policyloop.core import plugins
from policyloop.evaluate.fitted_q import cross_judged, fit, judged
from policyloop.evaluate.sequence_report import ESTIMATORS
from policyloop.evaluate.sequences import Sequences, ratios
from policyloop.evaluate.target import Target, target_of_labels
from small_histories import history_of

WEIGHING = ["per_decision", "weighted_per_decision", "dr", "weighted_dr"]


def estimator(name):
    return plugins.load(ESTIMATORS, name)


@pytest.fixture(scope="module")
def chain():
    return played(uphill(0.5), n=1500, seed=1)


def sequences_of(history, policy, *, model="tabular"):
    target = target_of_labels(pmf_of(policy), history)
    return cross_judged(history, target, ratio=ratios(history, target), model=model)


def by_hand(**columns):
    """Two episodes logged by a fair coin: labels 1, 1 with rewards 1, 2; label 0 with reward 4. Discount a half."""
    history = history_of([[0, 1], [0]], [[1, 1], [0]], [[1.0, 2.0], [4.0]])
    target = Target(pmf=np.tile([0.25, 0.75], (3, 1)), next_pmf=np.tile([0.25, 0.75], (3, 1)))
    return Sequences(transitions=history, ratio=ratios(history, target), **columns)


def test_per_decision_weighs_every_reward_up_to_its_step():
    """Ratios 1.5, 1.5 and .5: 1.5 * 1 + 1.5^2 * .5 * 2 = 3.75, and .5 * 4 = 2."""
    np.testing.assert_allclose(estimator("per_decision").contributions(by_hand()).values(), [3.75, 2.0])
    assert estimator("per_decision").estimate(by_hand()).value == pytest.approx(2.875)


def test_weighted_per_decision_scales_the_weights_of_every_step_to_a_mean_of_one():
    """Step 0: (1.5 * 1 + .5 * 4) / 2 = 1.75. Step 1: the second episode keeps .5: 2.25 * 2 / 2.75, discounted by a half."""
    assert estimator("weighted_per_decision").estimate(by_hand()).value == pytest.approx(1.75 + 0.5 * 4.5 / 2.75)


def test_doubly_robust_corrects_the_model_at_every_step():
    """Q 1, V 2. Second step: 2 + 1.5 * (2 - 1) = 3.5; first: 2 + 1.5 * (1 + .5 * 3.5 - 1) = 4.625; other: 2 + .5 * 3."""
    ones, twos = np.ones(3), np.full(3, 2.0)
    told = by_hand(expected=ones, state_value=twos, next_value=np.zeros(3))

    np.testing.assert_allclose(estimator("dr").contributions(told).values(), [4.625, 3.5])


def test_doubly_robust_takes_the_models_word_where_weights_are_worth_too_few_episodes():
    """Forty episodes of two steps; at the second one of them weighs 900 times as much as the others: 1.1 of 40 are left."""
    history = history_of([[0, 1]] * 40, [[0, 0]] * 40, [[1.0, 8.0]] * 40)
    ratio = np.tile([1.0, 0.01], 40)
    ratio[1] = 9.0
    told = Sequences(
        transitions=history,
        ratio=ratio,
        expected=np.full(80, 2.0),
        state_value=np.full(80, 3.0),
        next_value=np.zeros(80),
    )

    assert told.reach() == 1
    np.testing.assert_allclose(estimator("dr").contributions(told).values(), 3.0 + 1.0 * (1.0 + 0.5 * 3.0 - 2.0))


def test_doubly_robust_without_a_model_is_per_decision():
    zero = np.zeros(3)
    told = by_hand(expected=zero, state_value=zero, next_value=zero)

    for robust, plain in (("dr", "per_decision"), ("weighted_dr", "weighted_per_decision")):
        assert estimator(robust).estimate(told).value == pytest.approx(estimator(plain).estimate(told).value)


def test_the_weights_of_the_logging_policy_itself_give_back_its_own_returns(chain):
    told = sequences_of(chain, uphill(0.5))
    own = np.add.reduceat(chain.reward * 0.9**chain.step, np.flatnonzero(chain.is_first))

    assert estimator("per_decision").estimate(told).value == pytest.approx(own.mean())
    assert estimator("weighted_per_decision").estimate(told).value == pytest.approx(own.mean())
    assert told.ess() == pytest.approx(chain.n_episodes)


@pytest.mark.parametrize("name", WEIGHING)
@pytest.mark.parametrize("p", [0.4, 0.6, 0.7])
def test_every_estimator_is_within_four_standard_errors_of_the_truth(chain, name, p):
    truth = values(uphill(p))[0]
    got = estimator(name).estimate(sequences_of(chain, uphill(p)))

    assert got.n == chain.n_episodes
    assert abs(got.value - truth) < 4 * got.stderr


def test_doubly_robust_is_right_though_its_model_is_wrong(chain):
    told = sequences_of(chain, uphill(0.6))
    wrong = Sequences(
        transitions=chain,
        ratio=told.ratio,
        expected=np.full(len(chain), 1.0),
        state_value=np.full(len(chain), 1.0),
        next_value=np.where(chain.terminated, 0.0, 1.0),
    )
    got = estimator("dr").estimate(wrong)

    assert abs(got.value - values(uphill(0.6))[0]) < 4 * got.stderr


def test_a_good_model_makes_doubly_robust_less_noisy_than_weights_alone(chain):
    told = sequences_of(chain, uphill(0.7))

    assert estimator("dr").estimate(told).stderr < 0.8 * estimator("per_decision").estimate(told).stderr


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 1.0])
def test_fqe_by_a_table_is_near_the_truth_even_of_a_policy_that_never_varies(chain, p):
    target = target_of_labels(pmf_of(uphill(p)), chain)
    got = estimator("fqe").estimate(judged(fit(chain, target, model="tabular"), chain, target))

    assert got.value == pytest.approx(values(uphill(p))[0], rel=0.1)


def test_what_was_cut_off_counts_on_where_a_model_goes_on():
    """Episodes cut at five steps: weights alone see five steps, the model and the doubly robust see all."""
    cut = played(uphill(0.5), n=3000, seed=2, most_steps=5)
    told = sequences_of(cut, uphill(0.6))
    truth = values(uphill(0.6))[0]

    assert estimator("per_decision").estimate(told).value < 0.5 * truth
    assert abs(estimator("dr").estimate(told).value - truth) < 5 * estimator("dr").estimate(told).stderr


def test_no_weight_gives_no_value_and_an_infinite_error():
    history = history_of([[0]], [[0]], [[1.0]])
    told = Sequences(transitions=history, ratio=np.zeros(1))

    got = estimator("weighted_per_decision").estimate(told)

    assert np.isnan(got.value)
    assert got.stderr == np.inf
