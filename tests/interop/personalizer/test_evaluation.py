"""Evaluations: hand-worked sums, the same value as the house's own estimator, and the stretches of time add up."""

import numpy as np
import pytest

from policyloop.core.candidates import candidates_of
from policyloop.core.clock import US_PER_S
from policyloop.core.example import Examples
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.compare import value_of
from policyloop.interop.personalizer.evaluation import (
    KeptEvaluation,
    constant_of,
    results_of,
    stretch_of,
    together,
    total_of,
)
from policyloop.interop.personalizer.evaluation_answers import content_of, in_newest_style, in_older_styles
from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.interop.personalizer.wire import EvaluationContract, PolicyContract
from policyloop.policy.scored import baseline

HOUR_US = 3600 * US_PER_S
SPEC = read_spec({"loop": "shelf", **LOOP})
TWO = candidates_of(["a", "b"], [{"features": {"x": 1}}, {"features": {"x": 2}}])
CONTRACT = EvaluationContract(
    name="n",
    startTime="1970-01-01T00:00:00Z",
    endTime="1970-01-02T00:00:00Z",
    policies=[PolicyContract("always b", "--constant b")],
)


def rows(action, reward, propensity, *, at_h=None):
    n = len(action)
    action = np.array(action, dtype=np.int64)
    propensity = np.array(propensity, dtype=float)
    pmf = np.full((n, 2), 0.0)
    pmf[np.arange(n), action] = propensity
    pmf[np.arange(n), 1 - action] = 1 - propensity
    return Examples(
        contexts=[{"features": {}}] * n,
        allowed=np.ones((n, 2), dtype=bool),
        action=action,
        reward=np.array(reward, dtype=float),
        propensity=propensity,
        pmf=pmf,
        split=np.zeros(n),
        decided_at=(np.arange(n) if at_h is None else np.array(at_h)) * HOUR_US,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["m"] * n, dtype=object),
        candidates=[TWO] * n,
    )


def totals(examples, contract=CONTRACT, stretch_s=3600):
    results = results_of(examples, SPEC, contract, stretch_s=stretch_s)
    return {result.name: total_of(result.sums, at=0) for result in results}


def test_four_events_worked_by_hand():
    # First action a: taken in events 0 and 1 with propensity .8 and .5; b in 2 and 3 with .2 and .5.
    found = totals(rows([0, 0, 1, 1], [1, 0, 1, 0.5], [0.8, 0.5, 0.2, 0.5]))

    assert found["Online"].value == pytest.approx(2.5 / 4)
    assert found["Baseline"].value == pytest.approx((1 / 0.8) / 4)
    assert found["always b"].value == pytest.approx((1 / 0.2 + 0.5 / 0.5) / 4)
    assert found["Random"].value == pytest.approx((0.5 / 0.8 + 0.5 / 0.2 + 0.25 / 0.5) / 4)
    assert (found["Baseline"].n, found["Baseline"].n_nonzero) == (4, 2)
    assert found["Baseline"].w == pytest.approx(1 / 0.8 + 1 / 0.5)


def test_value_and_interval_are_those_of_the_houses_own_estimator():
    rng = np.random.default_rng(5)
    examples = rows(rng.integers(2, size=500), rng.random(500), rng.uniform(0.1, 1, size=500))
    found = totals(examples)["Baseline"]

    estimate = value_of(baseline(SPEC.actions, "first", floor=0.0), examples, estimator="ips")

    low, high = estimate.interval()
    assert found.value == pytest.approx(estimate.value)
    assert 2 * found.half_width == pytest.approx(high - low, rel=1e-4)


def test_longer_stretches_hold_what_their_shorter_ones_held():
    examples = rows([0, 1, 0, 1], [1, 1, 0, 1], [0.5] * 4, at_h=[0, 1, 6, 7])
    sums = results_of(examples, SPEC, CONTRACT, stretch_s=3600)[0].sums

    longer = together(sums, stretch_s=21_600)

    assert [one.n for one in sums] == [1, 1, 1, 1]
    assert [(one.at, one.n, one.wr) for one in longer] == [(0, 2, 2.0), (6 * HOUR_US, 2, 1.0)]
    assert total_of(longer, at=0) == total_of(sums, at=0)


def test_a_long_evaluation_has_longer_stretches():
    assert stretch_of(0, HOUR_US) == 300
    assert stretch_of(0, 30 * 24 * HOUR_US) == 3600
    assert stretch_of(0, 100_000 * 24 * HOUR_US) == 86_400


@pytest.mark.parametrize(
    ("arguments", "choice"),
    [
        ("--constant first", "first"),
        ("--cb_explore_adf --constant 'an id'", "an id"),
        ("--constant", None),
        ("--constant a b", None),
        ("--constant 'a", None),
        ("--cb_explore_adf -q ::", None),
    ],
)
def test_policies_that_always_do_the_same_are_known_by_their_arguments(arguments, choice):
    assert constant_of(PolicyContract("p", arguments)) == choice


def test_without_events_everything_is_0_and_without_overlap_so_is_the_value():
    nothing = totals(rows([], [], []))
    never = totals(rows([0, 0], [1, 1], [1.0, 1.0]))["always b"]

    assert all((one.n, one.value, one.half_width) == (0, 0.0, 0.0) for one in nothing.values())
    assert (never.n, never.n_nonzero, never.value) == (2, 0, 0.0)


def kept(state="completed"):
    examples = rows([0, 1, 0, 1], [1, 1, 0, 1], [0.5] * 4, at_h=[0, 1, 6, 7])
    results = results_of(examples, SPEC, CONTRACT, stretch_s=3600) if state == "completed" else []
    return KeptEvaluation(contract=CONTRACT, created_at="now", state=state, job="7", stretch_s=3600, results=results)


def test_the_older_styles_show_numerators_and_denominators():
    told = in_older_styles("e", kept())

    online = told["policyResults"][0]
    assert (told["id"], told["status"], told["jobId"], told["evaluationType"]) == ("e", "completed", "7", "Manual")
    assert [one["timeStamp"] for one in online["summary"]][:2] == ["1970-01-01T00:00:00.000000Z", "1970-01-01T01:00:00.000000Z"]
    total = online["totalSummary"]
    assert total["ipsEstimatorNumerator"] / total["ipsEstimatorDenominator"] == total["averageReward"] == 0.75
    assert (total["snipsEstimatorDenominator"], total["aggregateTimeWindow"]) == (4.0, "PT8H")


def test_the_newest_style_shows_values_with_intervals_expanding_or_rolling():
    whole = {"start": 0, "end": 24 * HOUR_US}
    expanding = content_of(kept(), **whole, interval_min=360, is_rolling=False)["value"][0]
    rolling = content_of(kept(), **whole, interval_min=360, is_rolling=True)["value"][0]
    part = content_of(kept(), start=6 * HOUR_US, end=24 * HOUR_US, interval_min=360, is_rolling=True)["value"][0]

    assert [step["expectedReward"] for step in expanding["timeseries"]["data"]] == [1.0, 0.75]
    assert [step["expectedReward"] for step in rolling["timeseries"]["data"]] == [1.0, 0.5]
    assert (expanding["summary"]["expectedReward"], part["summary"]["expectedReward"]) == (0.75, 0.5)
    low, high = expanding["summary"]["confidenceInterval"]
    assert low < 0.75 < high


def test_an_evaluation_on_its_way_has_no_values_yet():
    assert in_older_styles("e", kept("pending"))["policyResults"] == []
    assert in_newest_style("e", kept("pending"))["status"] == "Running"
