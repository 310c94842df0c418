"""A reading: all that a log says about one policy."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.core.errors import UnknownName
from policyloop.core.example import Examples
from policyloop.evaluate.belief import Answer
from policyloop.evaluate.compare import ESTIMATORS
from policyloop.evaluate.estimators import dm, dr, ips, snips
from policyloop.evaluate.reach import reach_of
from policyloop.evaluate.reading import INTERVALS, names_in_order, read, worst_told

REWARDS = (-1.0, 2.0)  # five standard deviations beyond the means


def as_examples(data, logging_pmf) -> Examples:
    n = len(data.reward)
    return Examples(
        contexts=[{"kind": f"k{kind}"} for kind in data.kind],
        allowed=np.ones((n, 3), dtype=bool),
        action=data.action,
        reward=data.reward,
        propensity=data.propensity,
        pmf=logging_pmf[data.kind],
        split=np.full(n, 0.9),
        decided_at=np.arange(n),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["m"] * n, dtype=object),
    )


@pytest.fixture
def log(world, logging_pmf):
    data = world(4000, 1)
    return data, as_examples(data, logging_pmf)


def test_every_estimator_answers_once_the_doubly_robust_ones_first(log):
    data, examples = log

    got = read(examples, data.target_pmf, predicted=data.truth, rewards=REWARDS)

    names = [line.estimate.estimator for line in got.lines]
    assert names == names_in_order()
    assert names[0] == "dr"
    assert sorted(names) == sorted(plugins.names(ESTIMATORS))


def test_estimates_are_those_of_the_estimators_one_by_one(log):
    data, examples = log

    got = {
        line.estimate.estimator: line for line in read(examples, data.target_pmf, predicted=data.truth, rewards=REWARDS).lines
    }

    for estimator in (dr, ips, snips, dm):
        alone = estimator.estimate(
            examples.reward, data.propensity, action=data.action, target_pmf=data.target_pmf, predicted=data.truth
        )
        line = got[alone.estimator]
        assert line.estimate == alone
        if estimator is not dm:
            assert (line.low, line.high) == pytest.approx(alone.interval())


def test_good_data_is_believed_and_the_estimators_agree(log):
    data, examples = log

    got = read(examples, data.target_pmf, predicted=data.truth, rewards=REWARDS)

    assert got.belief.answer == Answer.YES
    assert got.agreement == "The 8 estimators agree."


def test_a_wrong_model_is_told_from_the_disagreement_of_dm(log):
    data, examples = log

    got = read(examples, data.target_pmf, predicted=np.zeros((4000, 3)), rewards=REWARDS)

    assert "dm stands" in got.agreement
    assert "below dr: the reward model is wrong where the policy goes, so do not believe dm" in got.agreement


def test_untrue_propensities_are_told_from_the_mean_weight(log):
    data, examples = log
    lied = replace(examples, propensity=data.propensity * 0.6, pmf=np.full((4000, 3), np.nan))

    got = read(lied, data.target_pmf, predicted=data.truth, rewards=REWARDS)

    assert got.belief.answer == Answer.REFUSE
    assert "propensities are smaller than the true chances" in got.belief.sentence


def test_slices_are_those_of_what_the_policy_would_earn_beyond_the_log(log):
    data, examples = log

    got = read(examples, data.target_pmf, predicted=data.truth, rewards=REWARDS, by="kind").slices

    assert {one.name: one.n for one in got.slices} == {"k0": (data.kind == 0).sum(), "k1": (data.kind == 1).sum()}
    # The target earns .71 and .72; the logging policy .35 and .43.
    assert {one.name: round(one.value, 1) for one in got.slices} == {"k0": 0.4, "k1": 0.3}
    assert worst_told(got).startswith("Worst slice of kind: k1")


@pytest.mark.parametrize("interval", plugins.ours(INTERVALS))
def test_every_interval_can_be_asked_for_and_holds_the_truth_here(log, interval, true_value):
    data, examples = log

    got = read(
        examples, data.target_pmf, predicted=data.truth, rewards=REWARDS, interval=plugins.as_written(INTERVALS, interval)
    )

    first = got.lines[0]
    assert first.low < true_value < first.high
    assert np.isfinite([first.low, first.high]).all()


def test_an_unknown_interval_names_the_nearest(log):
    data, examples = log

    with pytest.raises(UnknownName, match="no interval is named 'norml'; did you mean 'normal'"):
        read(examples, data.target_pmf, predicted=data.truth, rewards=REWARDS, interval="norml")


def test_the_reach_by_hand():
    given = {"target_pmf": np.array([[0.2, 0.8]]), "logged_pmf": np.array([[0.5, 0.5]]), "predicted": np.array([[0.5, 0.25]])}

    # dr: .3 is believed; weights .4 and 1.6 on residuals -.5 to .5 and -.25 to .75
    assert reach_of(dr.contributions, **given, rewards=(0.0, 1.0)) == pytest.approx((0.3 - 1.6 * 0.25, 0.3 + 1.6 * 0.75))
    assert reach_of(ips.contributions, **given, rewards=(0.0, 1.0)) == pytest.approx((0.0, 1.6))


def test_the_reach_is_unknown_without_whole_pmfs_and_for_what_is_no_mean():
    given = {"target_pmf": np.array([[0.2, 0.8]]), "predicted": None, "rewards": (0.0, 1.0)}

    assert reach_of(ips.contributions, logged_pmf=np.full((1, 2), np.nan), **given) == (-np.inf, np.inf)
    assert reach_of(snips.contributions, logged_pmf=np.full((1, 2), 0.5), **given) == (-np.inf, np.inf)


def test_no_contribution_leaves_the_reach(log):
    data, examples = log
    low, high = reach_of(
        dr.contributions, target_pmf=data.target_pmf, logged_pmf=examples.pmf, predicted=data.truth, rewards=REWARDS
    )

    weight = data.target_pmf[np.arange(4000), data.action] / data.propensity
    made = (data.target_pmf * data.truth).sum(axis=1) + weight * (examples.reward - data.truth[np.arange(4000), data.action])

    assert low <= made.min()
    assert made.max() <= high
