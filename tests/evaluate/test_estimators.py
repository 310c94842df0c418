"""What every estimator promises. A new file in `evaluate/estimators/` is tested here without an edit."""

import numpy as np
import pyarrow as pa
import pytest

from policyloop.core import plugins
from policyloop.core.errors import BadPropensity, Invalid
from policyloop.evaluate.weighed import weigh

FAMILY = "policyloop.evaluate.estimators"


@pytest.fixture(params=plugins.ours(FAMILY))
def name(request):
    return request.param


@pytest.fixture
def estimate(name):
    return plugins.load(FAMILY, name).estimate


@pytest.mark.parametrize("seed", range(5))
def test_recovers_the_true_value_within_four_standard_errors(estimate, world, true_value, seed):
    data = world(4000, seed)

    got = estimate(data.reward, data.propensity, **data.given())

    assert abs(got.value - true_value) < 4 * got.stderr
    assert got.stderr < 0.05


def test_its_interval_covers_the_truth_about_as_often_as_it_says(estimate, world, true_value):
    intervals = [
        estimate(d.reward, d.propensity, **d.given()).interval(0.95) for d in (world(400, s) for s in range(1000, 1200))
    ]

    covered = sum(low <= true_value <= high for low, high in intervals)

    assert covered >= 180  # 190 of 200 expected; 180 is 3.2 standard deviations below


def test_the_target_being_the_logging_policy_gives_the_mean_reward_on_average(estimate, world, logging_pmf):
    data = world(4000, 3, target=logging_pmf)

    got = estimate(data.reward, data.propensity, **data.given())

    assert abs(got.value - data.reward.mean()) < 4 * np.hypot(got.stderr, data.reward.std() / 4000**0.5)


def test_carries_its_own_name_and_counts(estimate, name, world):
    data = world(50, 1)

    got = estimate(data.reward, data.propensity, **data.given())

    assert got.estimator == name
    assert got.n == 50
    assert 0 <= got.ess <= 50


def test_its_contributions_are_what_its_value_is_the_mean_of(estimate, name, world):
    data = world(10_000, 1)  # more than one part

    made = plugins.load(FAMILY, name).contributions(weigh(data.reward, data.propensity, **data.given()))

    assert len(made.values()) == made.n == 10_000
    assert made.values().mean() == pytest.approx(estimate(data.reward, data.propensity, **data.given()).value)
    assert made.estimate() == estimate(data.reward, data.propensity, **data.given())


def test_faults_of_several_kinds_are_told_together_with_how_many_rows_have_them(estimate, name, world):
    if name == "dm":
        pytest.skip("dm does not look at propensities")
    data = world(9, 1)
    reward = np.where(np.arange(9) < 3, np.nan, data.reward)
    propensity = np.where(np.arange(9) == 4, 2.0, data.propensity)

    with pytest.raises(Invalid) as caught:
        estimate(reward, propensity, **data.given())

    assert [fault.where for fault in caught.value.faults] == ["reward[0]", "propensity[4]"]
    assert "is nan; expected a finite number. So are 2 more rows." in str(caught.value)


def test_does_not_change_its_arguments(estimate, world):
    data = world(20, 1)
    before = [a.copy() for a in (data.reward, data.propensity, data.action, data.target_pmf, data.truth)]

    estimate(data.reward, data.propensity, **data.given())

    after = (data.reward, data.propensity, data.action, data.target_pmf, data.truth)
    assert all(np.array_equal(b, a) for b, a in zip(before, after, strict=True))


def test_lists_and_arrow_arrays_say_the_same_as_numpy(estimate, world):
    data = world(40, 1)
    tables = {"target_pmf": data.target_pmf.tolist(), "predicted": data.truth.tolist()}

    of_lists = estimate(data.reward.tolist(), data.propensity.tolist(), action=data.action.tolist(), **tables)
    of_arrow = estimate(pa.array(data.reward), pa.chunked_array([data.propensity]), action=data.action.astype(float), **tables)

    assert of_lists == of_arrow == estimate(data.reward, data.propensity, **data.given())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reward": ["1", "0"]}, r"reward: holds str\d+; expected numbers"),
        ({"action": ["calm", "bold"]}, r"action: holds str\d+; expected numbers"),
        ({"action": [0, 0.5]}, r"action\[1\]: is 0.5; expected a whole number: the action's place, from 0"),
        ({"action": [0, float("inf")]}, r"action\[1\]: is \d+; expected 0 to 1"),
        ({"target_pmf": [[1.0, 0.0], [1.0]]}, r"target_pmf: is no array of numbers"),
        ({"propensity": [0.5, None, object()]}, r"propensity: is no array of numbers"),
        ({"reward": [[1.0, 0.0]]}, r"reward: has shape \(1, 2\); expected \(2,\)"),
    ],
)
def test_what_is_no_array_of_numbers_is_named(estimate, change, message):
    given = {"reward": [1, 0], "propensity": [0.5, 0.5], "action": [0, 1]}
    tables = {"target_pmf": [[1.0, 0.0], [0.5, 0.5]], "predicted": [[1.0, 0.0], [0.5, 0.5]]}
    given |= tables | change

    with pytest.raises(Invalid, match=message):
        estimate(given.pop("reward"), given.pop("propensity"), **given)


def test_no_examples_give_no_value_and_an_infinite_error(estimate, world):
    data = world(0, 1)

    got = estimate(data.reward, data.propensity, **data.given())

    assert np.isnan(got.value)
    assert got.stderr == np.inf
    assert (got.n, got.ess) == (0, 0)


def test_one_example_gives_an_infinite_error(estimate, world):
    data = world(1, 1)

    got = estimate(data.reward, data.propensity, **data.given())

    assert np.isfinite(got.value)
    assert got.stderr == np.inf


@pytest.mark.parametrize("bad", [0.0, -0.1, 1.5, np.nan, np.inf])
def test_a_bad_propensity_is_named_with_its_row(name, estimate, world, bad):
    if name == "dm":
        pytest.skip("dm does not look at propensities")
    data = world(30, 1)
    propensity = data.propensity.copy()
    propensity[17] = bad

    with pytest.raises(BadPropensity, match=rf"propensity\[17\] is {bad}; expected a probability in \(0, 1\]"):
        estimate(data.reward, propensity, **data.given())


def test_arrays_that_do_not_fit_together_are_all_named(estimate, world):
    data = world(30, 1)

    with pytest.raises(Invalid) as caught:
        estimate(data.reward, data.propensity, **data.given(action=data.action[:29], target_pmf=data.target_pmf[:, 0]))

    assert [fault.where for fault in caught.value.faults] == ["action", "target_pmf"]
    assert "has shape (29,); expected (30,), as many as rewards." in str(caught.value)


@pytest.mark.parametrize(
    ("where", "change"),
    [
        ("reward[2]", lambda d: {"reward": np.where(np.arange(9) == 2, np.nan, d.reward)}),
        ("action[0]", lambda d: {"action": np.where(np.arange(9) == 0, 3, d.action)}),
        ("target_pmf[0]", lambda d: {"target_pmf": d.target_pmf * 0.9}),
        ("predicted[0]", lambda d: {"predicted": d.truth * np.inf}),
        ("predicted", lambda d: {"predicted": d.truth[:, :2]}),
    ],
)
def test_a_value_out_of_range_is_named_with_its_place(estimate, world, where, change):
    data = world(9, 1)
    given = {"reward": data.reward, "propensity": data.propensity} | data.given() | change(data)

    with pytest.raises(Invalid) as caught:
        estimate(given.pop("reward"), given.pop("propensity"), **given)

    assert caught.value.where == where


@pytest.mark.slow
def test_its_interval_covers_93_to_97_percent_of_the_time(name, world, true_value):
    estimator = plugins.load(FAMILY, name)
    logs = (world(10_000, seed) for seed in range(70_000, 71_000))

    bounds = [estimator.estimate(log.reward, log.propensity, **log.given()).interval(0.95) for log in logs]

    assert 930 <= sum(low <= true_value <= high for low, high in bounds) <= 970
