"""All estimates of a policy on a history, beside what the history itself returned."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from chain import played, pmf_of, uphill, values
from policyloop.core import plugins
from policyloop.core.errors import Invalid
from policyloop.evaluate.sequence_report import ESTIMATORS, WEIGHING, evaluate_sequences
from policyloop.evaluate.target import target_of_labels, target_of_numbers
from small_histories import history_of


@pytest.fixture(scope="module")
def history():
    return played(uphill(0.5), n=600, seed=4)


def report_of(history, p, **settings):
    return evaluate_sequences(history, target_of_labels(pmf_of(uphill(p)), history), **settings)


def test_every_estimator_there_is_has_its_line(history):
    report = report_of(history, 0.6)

    assert set(report.estimates) == set(plugins.ours(ESTIMATORS)) == {"fqe", *WEIGHING}
    assert report.has_overlap
    assert report.model == "tabular"


def test_the_history_stands_beside_with_its_own_interval(history):
    told = report_of(history, 0.6).history

    assert told.low < values(uphill(0.5))[0] < told.high


def test_a_better_policy_is_seen_to_return_more_than_the_history(history):
    report = report_of(history, 0.75)

    assert report.estimates["dr"].low > report.history.estimate.value


def test_the_bootstrap_of_fqe_holds_the_truth_and_says_how_it_was_made(history):
    one = report_of(history, 0.6, n_resamples=40).estimates["fqe"]

    assert one.interval == "bootstrap"
    assert one.low < values(uphill(0.6))[0] < one.high


def test_without_the_bootstrap_the_interval_says_what_it_leaves_out(history):
    report = report_of(history, 0.6)

    assert report.estimates["fqe"].interval == "first_states"
    assert any("the model's own error is left out" in sentence for sentence in report.sentences)


@pytest.mark.parametrize("n_resamples", [0, 20])
def test_an_opinion_never_exceeds_what_an_episode_can_return(n_resamples):
    """An action earns itself, in [-1, 0] in the history; a line through these would have 50 earn 50."""
    n = 200
    action = np.random.default_rng(3).uniform(-1, 0, n)
    rows = history_of([[x] for x in np.linspace(0, 1, n)], [[0]] * n, [[a] for a in action])
    history = replace(
        rows, action=np.empty((n, 0), dtype=np.int32), action_value=action.reshape(-1, 1).astype(np.float32), pmf=None
    )
    target = target_of_numbers(lambda state: np.full_like(state, 50.0), history)

    one = evaluate_sequences(history, target, model="linear", n_resamples=n_resamples).estimates["fqe"]

    assert (one.estimate.value, one.low, one.high) == (0.0, 0.0, 0.0)


def test_without_propensities_fqe_alone_remains_and_the_reason_is_told():
    report = report_of(played(uphill(0.5), n=100, seed=5, propensity=False), 0.6)

    assert list(report.estimates) == ["fqe"]
    assert [doubt.kind for doubt in report.doubts] == ["propensity_unknown"]
    assert "Nothing could be weighed: of" in report.sentences[-1]
    assert not report.has_overlap


def test_weights_that_are_worth_a_handful_of_episodes_are_no_overlap():
    report = report_of(played(uphill(0.5), n=60, seed=6), 1.0)

    assert report.ess is not None
    assert report.ess < 10
    assert [doubt.kind for doubt in report.doubts] == ["no_overlap"]


def test_the_report_goes_through_json(history):
    told = json.loads(json.dumps(report_of(history, 0.6).to_json(), allow_nan=False))

    assert told["estimates"]["dr"]["n"] == 600


def test_no_episode_is_refused(history):
    nothing = history.where(np.zeros(len(history), dtype=bool))

    with pytest.raises(Invalid, match="have no row; expected at least one episode"):
        report_of(nothing, 0.5)
