"""Wealth: bets against a true claim win nothing on average, bets against a false one grow, and a late fault is still found."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.gate.checks.wealth import BLOCK, Claim, Wealth, begin, bet, blocks, odds_factors

FAIR = Claim(alpha=0.01, prior=(0.5, 0.5))  # alternatives: a yes has twice, or half, the odds
ODDS = (2.0, 0.5)


def coins(chance, n, *, seed, known=0.5):
    hits = np.random.default_rng(seed).random(n) < chance
    return odds_factors(np.full(n, known), hits, ODDS)


def test_a_hand_worked_first_event():
    wealth = bet(begin(FAIR), odds_factors(np.array([0.5]), np.array([True]), ODDS))

    # .9 of the wealth is at stake, half on each alternative: chances 2/3 and 1/3 beside the known 1/2, so 4/3 and 2/3
    assert wealth.stakes == pytest.approx([math.log(0.45 * 4 / 3), math.log(0.45 * 2 / 3)])
    assert math.exp(wealth.log_e) == pytest.approx(0.1 + 0.6 + 0.3)


def test_factors_of_odds_have_expectation_one():
    chance = np.array([0.01, 0.3, 0.9])
    yes, no = odds_factors(chance, np.full(3, True), ODDS), odds_factors(chance, np.full(3, False), ODDS)

    np.testing.assert_allclose(chance * yes + (1 - chance) * no, 1.0)


def test_a_false_claim_is_found_and_the_event_is_told_at_which_it_was():
    wealth = bet(begin(FAIR), coins(0.7, 1000, seed=1))

    assert wealth.is_alarm
    before = bet(begin(FAIR), coins(0.7, 1000, seed=1)[:, : wealth.found_at - 1])
    assert before.largest < math.log(100) and not before.is_alarm
    assert bet(begin(FAIR), coins(0.7, 1000, seed=1)[:, : wealth.found_at]).log_e >= math.log(100)


def test_an_alarm_stays():
    found = bet(begin(FAIR), coins(0.7, 500, seed=1))
    later = bet(found, coins(0.5, 5000, seed=2))

    assert later.log_e < math.log(100) and later.found_at == found.found_at


def test_a_fault_that_begins_after_a_hundred_thousand_true_events_is_found():
    wealth = bet(begin(FAIR), coins(0.5, 100_000, seed=1))
    assert not wealth.is_alarm

    assert bet(wealth, coins(0.7, 2000, seed=2)).is_alarm


def test_putting_idle_wealth_on_the_alternatives_changes_no_sum():
    wealth = begin(FAIR)
    nothing_said = np.ones((2, 10 * BLOCK + 7))

    assert bet(wealth, nothing_said).log_e == pytest.approx(0.0, abs=1e-12)


def test_it_does_not_grow_and_comes_back_from_json():
    wealth = bet(begin(FAIR), coins(0.5, 10_000, seed=1))

    text = json.dumps(wealth.to_mapping())

    assert Wealth.from_mapping(json.loads(text), FAIR) == wealth
    assert len(text) < 200


def test_a_lost_stake_is_still_a_number():
    never = np.zeros((2, 3))

    assert all(math.isfinite(stake) for stake in bet(begin(FAIR), never).stakes)


def test_blocks_end_where_they_end_whatever_the_pieces():
    assert [(rows.start, rows.stop) for rows in blocks(BLOCK - 3, BLOCK + 5)] == [
        (0, 3),
        (3, BLOCK + 3),
        (BLOCK + 3, BLOCK + 5),
    ]
    assert list(blocks(7, 0)) == []


@given(cuts=st.lists(st.integers(0, 2500), max_size=6), seed=st.integers(0, 1000))
def test_pieces_come_to_the_same_as_the_whole(cuts, seed):
    factors = coins(0.55, 2500, seed=seed)
    whole = bet(begin(FAIR), factors)

    pieces = begin(FAIR)
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 2500], strict=True):
        pieces = bet(pieces, factors[:, start:stop])

    np.testing.assert_allclose(pieces.stakes, whole.stakes, atol=1e-9)
    assert pieces.log_e == pytest.approx(whole.log_e, abs=1e-9)
    assert (pieces.n, pieces.found_at) == (whole.n, whole.found_at)


def test_against_a_true_claim_the_wealth_is_one_on_average():
    rng = np.random.default_rng(7)
    ends = []
    for _ in range(4000):
        chance = rng.random(20)  # known ahead, and different each time
        wealth = bet(begin(FAIR), odds_factors(chance, rng.random(20) < chance, ODDS))
        ends.append(math.exp(wealth.log_e))

    mean, stderr = np.mean(ends), np.std(ends) / math.sqrt(len(ends))
    assert abs(mean - 1) < 4 * stderr
