"""Evidence: bets at fair odds that need a handful of numbers, hold at every look, and come out the same however replayed."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.core.errors import Invalid
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import N_BETS, begin, from_map, to_map, update
from policyloop.gate.limits import Limits, limits_of

LIMITS = Limits(below=2.0, above=4.0, low=0.0, ceiling=1.0)


def chunk(phi, weight=None):
    values = np.asarray(phi, dtype=np.float64)
    weights = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    return Chunk(phi=values, weight=weights, is_telling=values > 0)


def seen(phi, *, limits=LIMITS, sizes=None):
    evidence = begin(limits)
    for part in np.split(np.asarray(phi, dtype=np.float64), sizes or []):
        evidence = update(evidence, chunk(part), limits=limits)
    return evidence


def luck(n, *, mean, seed):
    """Pseudo-outcomes as a canary gives them: mostly small, seldom large, within the limits."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(n) < 0.1, rng.uniform(-1.8, 3.8, n), rng.uniform(-0.2, 0.2, n)) - 0.1 + mean


def test_nobody_has_won_anything_before_the_first_event():
    evidence = begin(LIMITS)

    assert evidence.e_better == evidence.e_worse == 1.0
    assert evidence.interval() == (-math.inf, math.inf)
    assert math.isnan(evidence.mean)
    assert (evidence.ess, evidence.largest_share) == (0.0, 1.0)


def test_the_stakes_are_sixteen_from_a_hundredth_to_nine_tenths_of_what_an_event_can_take():
    evidence = begin(LIMITS)

    assert len(evidence.better.stake) == N_BETS == 16
    assert (evidence.better.stake[0], evidence.better.stake[-1]) == pytest.approx((0.01 / 2, 0.9 / 2))
    assert (evidence.worse.stake[0], evidence.worse.stake[-1]) == pytest.approx((0.01 / 4, 0.9 / 4))
    ratios = np.diff(np.log(evidence.better.stake))
    assert ratios == pytest.approx(np.full(15, ratios[0]))


def test_the_e_values_are_the_mean_wealth_of_the_gamblers():
    phi = [0.5, -1.0, 2.0]
    evidence = seen(phi)

    better, worse = np.array(evidence.better.stake), np.array(evidence.worse.stake)
    assert evidence.e_better == pytest.approx(np.mean((1 + 0.5 * better) * (1 - better) * (1 + 2 * better)))
    assert evidence.e_worse == pytest.approx(np.mean((1 - 0.5 * worse) * (1 + worse) * (1 - 2 * worse)))


def test_a_fair_game_is_fair():
    """Over both faces of a fair coin the expected wealth stays 1, whatever the coin's two sides."""
    heads, tails = seen([2.0]), seen([-1.0])

    assert (heads.e_better + 2 * tails.e_better) / 3 == pytest.approx(1.0)
    assert (heads.e_worse + 2 * tails.e_worse) / 3 == pytest.approx(1.0)


def test_the_bound_is_above_zero_exactly_when_the_odds_reach_what_is_asked_for():
    phi = luck(3000, mean=0.08, seed=1)
    calls = [(seen(phi[:n]).e_better >= 20, seen(phi[:n]).lower(alpha=0.05) > 0) for n in range(100, 3000, 100)]

    assert {True, False} == {is_proven for is_proven, _ in calls}
    assert all(is_proven == is_above for is_proven, is_above in calls)


def test_the_bound_is_where_the_gamblers_would_have_won_too_much():
    evidence = seen(luck(500, mean=0.1, seed=2))
    low, high = evidence.interval(alpha=0.1)

    stake = np.array(evidence.better.stake)
    wealth = np.exp(np.array(evidence.better.log_wealth) - stake * 500 * low)
    assert wealth.mean() == pytest.approx(1 / 0.05)
    stake = np.array(evidence.worse.stake)
    wealth = np.exp(np.array(evidence.worse.log_wealth) + stake * 500 * high)
    assert wealth.mean() == pytest.approx(1 / 0.05)
    assert low < evidence.mean < high


@settings(max_examples=25)
@given(sizes=st.lists(st.integers(0, 3000), max_size=6).map(sorted))
def test_in_whatever_chunks_events_come_the_evidence_is_the_same(sizes):
    phi = luck(3000, mean=0.02, seed=3)
    whole, parts = seen(phi), seen(phi, sizes=sizes)

    for side in ("better", "worse"):
        assert getattr(parts, side).log_e == pytest.approx(getattr(whole, side).log_e, rel=1e-12, abs=1e-12)
    assert parts.interval() == pytest.approx(whole.interval(), rel=1e-12, abs=1e-12)
    assert (parts.n, parts.n_telling, parts.largest_weight) == (whole.n, whole.n_telling, whole.largest_weight)
    assert parts.total == pytest.approx(whole.total, rel=1e-12, abs=1e-12)


def test_event_by_event_a_long_log_agrees_to_twelve_digits():
    phi = luck(5000, mean=0.0, seed=4)
    whole, single = seen(phi), seen(phi, sizes=list(range(1, 5000)))

    assert single.better.log_e == pytest.approx(whole.better.log_e, rel=1e-12)
    assert single.worse.log_e == pytest.approx(whole.worse.log_e, rel=1e-12)


def test_another_process_carries_on_from_json():
    phi = luck(2000, mean=0.05, seed=5)
    halfway = from_map(json.loads(json.dumps(to_map(seen(phi[:700])))))

    assert halfway == seen(phi[:700])
    assert update(halfway, chunk(phi[700:]), limits=LIMITS) == seen(phi, sizes=[700])


def test_the_state_does_not_grow():
    sizes = [len(json.dumps(to_map(seen(luck(n, mean=0.0, seed=6))))) for n in (10_000, 100_000)]

    assert sizes[1] < 1.1 * sizes[0]


def test_the_minimum_evidence_is_counted():
    evidence = update(begin(LIMITS), chunk([1.0, -1.0, 0.5], weight=[3.0, 1.0, 0.0]), limits=LIMITS)

    assert evidence.n_telling == 2
    assert evidence.ess == pytest.approx(4**2 / 10)
    assert evidence.largest_share == pytest.approx(0.9)


def test_smaller_limits_later_change_nothing():
    phi = luck(100, mean=0.0, seed=7) / 10
    smaller = Limits(below=0.5, above=0.5, low=0.0, ceiling=1.0)
    evidence = update(seen(phi), chunk(phi), limits=smaller)

    assert evidence == seen(np.concatenate([phi, phi]), sizes=[100])


def test_with_larger_limits_the_boldest_stop_and_nobody_can_lose_everything():
    larger = Limits(below=20.0, above=40.0, low=0.0, ceiling=1.0)
    before = seen(luck(1000, mean=0.1, seed=8))
    after = update(before, chunk([-20.0, 40.0, -20.0]), limits=larger)

    assert math.isfinite(after.better.log_e)
    is_in = np.array(after.better.stake) * 20 <= 0.9 + 1e-9
    assert after.better.is_in == tuple(is_in.tolist())
    assert 0 < is_in.sum() < 16
    stopped = np.array(after.better.log_wealth)[~is_in]
    np.testing.assert_array_equal(stopped, np.array(before.better.log_wealth)[~is_in])


def test_those_who_stopped_do_not_speak_for_the_bound():
    larger = Limits(below=20.0, above=40.0, low=0.0, ceiling=1.0)
    evidence = update(seen(luck(1000, mean=0.1, seed=9)), chunk([0.0]), limits=larger)

    is_in = np.array(evidence.better.is_in)
    stake, wealth = np.array(evidence.better.stake)[is_in], np.array(evidence.better.log_wealth)[is_in]
    low = evidence.lower(alpha=0.05)
    assert np.exp(wealth - stake * evidence.n * low).sum() / 16 == pytest.approx(20)


@pytest.mark.parametrize("bad", [-2.1, 4.1, math.nan, math.inf])
def test_a_pseudo_outcome_that_no_event_can_have_is_refused_with_its_row(bad):
    with pytest.raises(Invalid, match=r"phi\[1\]: is .*; expected a number from -2 to 4"):
        seen([0.0, bad])


def test_a_weight_that_is_none_is_refused_with_its_row():
    with pytest.raises(Invalid, match=r"weight\[1\]: is nan; expected a number of 0 or more"):
        update(begin(LIMITS), chunk([0.0, 0.0], weight=[1.0, math.nan]), limits=LIMITS)


def crossings(phi, *, truth, limits, alpha=0.05):
    """(n,) whether the interval after each event leaves the truth out; the gamblers' wealth, worked out all at once."""
    is_out = np.zeros(len(phi), dtype=bool)
    for gain, truth_of_it, below in ((phi, truth, limits.below), (-phi, -truth, limits.above)):
        stake = np.geomspace(0.01, 0.9, 16)[:, None] / below
        won = (np.log1p(stake * gain) - stake * truth_of_it).cumsum(axis=1)
        is_out |= np.logaddexp.reduce(won, axis=0) - math.log(16) > math.log(2 / alpha)
    return is_out


def canary_outcomes(n, rng):
    """A tenth of the traffic for the challenger, rewards of 0 or 1, equal policies; and the truth, 0."""
    d, p = np.array([-0.9, 0.9]), np.array([0.83, 0.11])
    action = (rng.random(n) < p[1] / p.sum()).astype(int)
    reward = rng.random(n) < 0.3
    return d[action] / (p / p.sum())[action] * (reward - 0.3)


def test_the_interval_covers_as_the_gamblers_say():
    limits = limits_of(low=0.0, high=1.0, least_propensity=0.02, ceiling=0.6, champion_share=0.88, challenger_share=0.11)
    for seed in range(20):
        phi = canary_outcomes(400, np.random.default_rng(seed)) + 0.1  # far from 0, so that some intervals leave it out
        is_out = crossings(phi, truth=0.0, limits=limits)
        for n in (20, 100, 400):
            low, high = seen(phi[:n], limits=limits).interval()
            assert (low > 0 or high < 0) == is_out[n - 1]


@pytest.mark.parametrize("runs", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_the_interval_covers_the_truth_at_all_twenty_thousand_times_at_once(runs):
    limits = limits_of(low=0.0, high=1.0, least_propensity=0.02, ceiling=0.6, champion_share=0.88, challenger_share=0.11)
    missed = [
        crossings(canary_outcomes(20_000, np.random.default_rng([0, run])), truth=0.0, limits=limits).any()
        for run in range(runs)
    ]

    assert np.mean(missed) <= 0.05
