"""Truth: what was drawn is held against what was logged; true logs win nothing, and each kind of fault is named."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.gate.checks.truth import _FAMILIES, CLAIM, ROLES, Drawn, Truth, begin, update
from policyloop.gate.verdict import Call

EVEN = np.full(4, 0.25)
MODELS = [role for role in ROLES if role != "uniform"]


def drawn_from(truth, logged=None, *, seed=1, allowed=None, **others):
    """Actions drawn from the rows of `truth`, logged as `logged`."""
    rng = np.random.default_rng(seed)
    action = (rng.random(len(truth))[:, None] >= truth.cumsum(axis=1)[:, :-1]).sum(axis=1)
    pmf = truth if logged is None else logged
    return Drawn(action=action, pmf=pmf, allowed=pmf > 0 if allowed is None else allowed, others=others)


def greedy(best, *, k=4, floor=0.1):
    pmf = np.full((len(best), k), floor / k)
    pmf[np.arange(len(best)), best] += 1 - floor
    return pmf


def bests(n, *, k=4, seed=3):
    return np.random.default_rng(seed).integers(k, size=n)


def some_pmfs(rng, n, k, masked=0.3):
    """Any probabilities, with actions that are not allowed and others that have a chance of 0."""
    weights = rng.dirichlet(np.full(k, 0.5), size=n)
    allowed = rng.random((n, k)) >= masked
    allowed[np.arange(n), rng.integers(k, size=n)] = True
    pmf = np.where(allowed, weights + 1e-9, 0.0)
    return pmf / pmf.sum(axis=1, keepdims=True), allowed


def test_stakes_are_a_whole():
    assert sum(CLAIM.prior) == pytest.approx(1.0)
    assert len(CLAIM.prior) == sum(len(said) for _, said in _FAMILIES) == len(begin().wealth.stakes)


@given(k=st.integers(1, 12), n=st.integers(1, 8), seed=st.integers(0, 10_000))
@settings(deadline=None)
def test_whatever_comes_next_no_stake_grows_on_average(k, n, seed):
    """The sum over actions of chance times stake after it is at most the stake before: the claim's bets are fair, each."""
    rng = np.random.default_rng(seed)
    pmf, allowed = some_pmfs(rng, n + 1, k)
    others = {role: some_pmfs(rng, n + 1, k, masked=0.0)[0] * allowed for role in MODELS}
    others = {role: its / its.sum(axis=1, keepdims=True) for role, its in others.items()}
    others["previous"][0] = np.nan
    past = Drawn(
        action=pmf[:n].argmax(axis=1), pmf=pmf[:n], allowed=allowed[:n], others={r: its[:n] for r, its in others.items()}
    )
    truth = update(begin(), past)

    after = np.zeros(len(CLAIM.prior))
    for action in np.flatnonzero(pmf[n] > 0):
        event = Drawn(
            action=np.array([action]),
            pmf=pmf[n:],
            allowed=allowed[n:],
            others={role: its[n:] for role, its in others.items()},
        )
        after += pmf[n, action] * np.exp(update(truth, event).wealth.stakes)

    assert (after <= np.exp(truth.wealth.stakes) * (1 + 1e-9)).all()


def test_of_true_logs_the_mean_wealth_is_one():
    rng = np.random.default_rng(11)
    ends = []
    for seed in range(1500):
        pmf, allowed = some_pmfs(rng, 25, 4)
        other = greedy(bests(25, seed=seed)) * allowed
        other /= other.sum(axis=1, keepdims=True)
        ends.append(math.exp(update(begin(), drawn_from(pmf, seed=seed, allowed=allowed, previous=other)).wealth.log_e))

    mean, stderr = np.mean(ends), np.std(ends) / math.sqrt(len(ends))
    assert mean < 1 + 4 * stderr


@pytest.mark.parametrize(
    ("floor", "said"),
    [
        (0.0, "the best action alone was served"),
        (0.05, "about half of the logged exploration took place"),
        (0.08, "about four fifths of the logged exploration took place"),
        (0.37, "about 30 % was decided by an even draw"),
    ],
)
def test_another_epsilon_than_logged_is_found_and_named(floor, said):
    best = bests(20_000)

    reason = update(begin(), drawn_from(greedy(best, floor=floor), greedy(best))).reason()

    assert reason.call == Call.REFUSE
    assert reason.sentence.startswith("The logged probabilities are not those that were drawn from: seen after ")
    assert said in reason.sentence
    assert reason.numbers["found_at"] < 6000


@pytest.mark.parametrize("role", MODELS)
def test_a_known_model_that_decides_a_tenth_is_named(role):
    best, of_other = bests(3000), bests(3000, seed=4)
    logged, other = greedy(best), greedy(of_other)

    reason = update(begin(), drawn_from(0.9 * logged + 0.1 * other, logged, **{role: other})).reason()

    assert f"about 10 % was decided by {ROLES[role]}" in reason.sentence


def test_a_softmax_that_was_served_sharper_than_logged_is_found():
    scores = np.random.default_rng(5).normal(size=(6000, 5))
    logged = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    served = logged**1.3 / (logged**1.3).sum(axis=1, keepdims=True)

    assert update(begin(), drawn_from(served, logged)).is_alarm


def test_an_action_that_is_left_out_in_some_contexts_is_learned():
    logged = np.tile(EVEN, (4000, 1))
    served = np.tile([0.27, 0.27, 0.27, 0.19], (4000, 1))

    reason = update(begin(), drawn_from(served, logged)).reason()

    assert reason.call == Call.REFUSE


@pytest.mark.parametrize("k", [1, 2, 7, 12, 50])
def test_a_true_log_fits_whatever_the_number_of_actions(k):
    rng = np.random.default_rng(k)
    pmf, allowed = some_pmfs(rng, 5000, k)

    truth = update(begin(), drawn_from(pmf, seed=k, allowed=allowed))

    assert not truth.is_alarm
    assert truth.reason().sentence == "What was drawn in 5,000 decisions fits the logged probabilities."


def test_a_row_where_another_model_is_not_known_says_nothing_of_it():
    best = bests(50)
    unknown = np.full((50, 4), np.nan)

    with_it = update(begin(), drawn_from(greedy(best), challenger=unknown))
    without = update(begin(), drawn_from(greedy(best)))

    assert with_it.wealth.stakes == pytest.approx(without.wealth.stakes)


@given(cuts=st.lists(st.integers(0, 1800), max_size=4))
@settings(deadline=None, max_examples=20)
def test_pieces_come_to_the_same_as_the_whole(cuts):
    best = bests(1800)
    drawn = drawn_from(greedy(best, floor=0.2), greedy(best), previous=greedy(bests(1800, seed=9)))
    whole = update(begin(), drawn)

    pieces = begin()
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 1800], strict=True):
        pieces = update(pieces, drawn[start:stop])

    np.testing.assert_allclose(pieces.wealth.stakes, whole.wealth.stakes, atol=1e-8)
    assert pieces.wealth.found_at == whole.wealth.found_at


def test_it_goes_on_from_json_where_it_was():
    best = bests(700)
    drawn = drawn_from(greedy(best))
    half = update(begin(), drawn[:350])

    again = update(Truth.from_mapping(json.loads(json.dumps(half.to_mapping()))), drawn[350:])

    whole = update(half, drawn[350:])
    assert again.wealth == whole.wealth
    assert len(json.dumps(replace(again).to_mapping())) < 6000
