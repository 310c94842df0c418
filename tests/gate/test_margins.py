"""Margins: kept, broken or open; a stop asks for no statistics; and each sentence says what was seen, in its unit."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.loop import GuardSpec
from policyloop.gate.margins import (
    FEWEST_TO_STOP,
    Moved,
    added,
    guards_of,
    judge,
    judge_moved,
    limits_of_errors,
    limits_of_latency,
    limits_of_outcome,
    moved_on,
)
from policyloop.gate.verdict import Call

ERRORS = GuardSpec(name="$errors", margin=0.05, better="lower", stop=0.05)
LATENCY = GuardSpec(name="$latency_ms", margin=1.0, better="lower", low=0.0, high=50.0)
PAID = GuardSpec(name="paid", margin=0.5, stop=2.0, low=0.0, high=10.0)


def seen(guard, differences):
    """The evidence after some differences, of which higher is better."""
    limits = {"$errors": limits_of_errors(), "$latency_ms": limits_of_latency(LATENCY)}.get(guard.name)
    if limits is None:
        limits = limits_of_outcome(guard, level=1.0, weights=(2.0, 2.0))
    return added(None, np.array(differences, dtype=float), guard=guard, limits=limits)


def test_that_it_answers_is_asked_of_everyone():
    assert [guard.name for guard in guards_of(())] == ["$errors"]
    assert [guard.name for guard in guards_of((PAID,))] == ["paid", "$errors"]
    assert guards_of((ERRORS,)) == (ERRORS,)


def test_before_anything_is_seen_it_is_open():
    reason = judge(PAID, None)

    assert (reason.call, reason.name) == (Call.INCONCLUSIVE, "guard-paid")
    assert reason.sentence == "Guard paid: nothing has been seen of it yet."


def test_a_challenger_that_never_fails_is_told_so_in_per_cent():
    reason = judge(ERRORS, seen(ERRORS, [0.0] * 300))

    assert reason.call == Call.PROMOTE
    assert reason.sentence == "Guard $errors: it gave no answer in 0 % of 300 decisions, within the margin of 5 %."
    assert reason.is_check


def test_sums_that_are_off_by_rounding_are_no_change():
    # .05 three hundred times is not quite 15: "+1.388e-17 of its decisions" is nothing that a person should read
    assert "in 0 % of" in judge(ERRORS, seen(ERRORS, [0.0] * 137)).sentence
    assert "-0" not in judge(PAID, seen(PAID, [0.1, -0.1] * 77)).sentence


def test_a_stop_ends_it_without_statistics_once_a_few_were_seen():
    few = judge(ERRORS, seen(ERRORS, [-1.0] * 8 + [0.0] * (FEWEST_TO_STOP - 9)))
    enough = judge(ERRORS, seen(ERRORS, [-1.0] * 8 + [0.0] * (FEWEST_TO_STOP - 8)))

    assert few.call == Call.INCONCLUSIVE
    assert enough.call == Call.RETIRE
    assert enough.sentence == "Guard $errors: it gave no answer in 8 % of 100 decisions, beyond the stop of 5 %."


def test_a_margin_that_is_broken_beyond_doubt_ends_it():
    reason = judge(LATENCY, seen(LATENCY, [-20.0] * 60))

    assert reason.call == Call.RETIRE
    assert (
        reason.sentence
        == "Guard $latency_ms: it is +20 ms beside the champion in 60 decisions; the margin of 1 ms is not kept."
    )


def test_a_margin_that_is_neither_kept_nor_broken_is_open():
    reason = judge(PAID, seen(PAID, [-0.4, -0.6]))

    assert reason.call == Call.INCONCLUSIVE
    assert reason.sentence == (
        "Guard paid: it is -0.5 beside the champion in 2 decisions; that it is worse by 0.5 or more is not ruled out yet."
    )
    assert reason.numbers["difference"] == pytest.approx(-0.5)


def test_the_number_is_told_as_it_changes_itself():
    costs = replace(PAID, better="lower")

    assert "it is +0.25 beside" in judge(costs, seen(costs, [-0.25] * 3)).sentence
    assert "it is -0.25 beside" in judge(PAID, seen(PAID, [-0.25] * 3)).sentence


@given(
    st.floats(0, 10), st.floats(0, 10), st.floats(1, 20), st.floats(1, 20), st.sampled_from(["higher", "lower"]), st.booleans()
)
def test_the_limits_of_an_outcome_hold_what_any_event_can_say(value, level, most_for, most_against, better, is_for):
    guard = replace(PAID, better=better)
    limits = limits_of_outcome(guard, level=level, weights=(most_for, most_against))

    phi = (most_for if is_for else -most_against) * (value - level)
    signed = -phi if better == "lower" else phi

    assert -limits.below - 1e-9 <= signed <= limits.above + 1e-9


def test_moved_shares_are_means_over_all_decisions():
    first = moved_on(Moved(), np.array([[0.5, -0.5], [0.1, -0.1]]))
    both = moved_on(first, np.array([[0.0, 0.0, 0.0], [0.0, -0.2, 0.2]]))  # an action more by now

    assert (first.n, first.largest) == (2, pytest.approx(0.3))
    assert both.total == pytest.approx((0.6, -0.8, 0.2))
    assert both.largest == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("largest", "call"), [(0.05, Call.PROMOTE), (0.2, Call.INCONCLUSIVE), (0.4, Call.RETIRE)], ids=["within", "beyond", "stop"]
)
def test_moved_shares_are_held_against_the_margin_and_the_stop(largest, call):
    guard = GuardSpec(name="$action_share", margin=0.1, better="lower", stop=0.3)

    assert judge_moved(guard, Moved(n=200, total=(200 * largest, -200 * largest))).call == call
    assert judge_moved(guard, Moved(n=99, total=(99 * largest,))).call == Call.INCONCLUSIVE
