"""Harm: seen only on enough telling events, and told in a sentence with its numbers."""

import math

import pytest

from policyloop.core.estimate import Estimate
from policyloop.gate.harm import look_for_harm


def look(value, stderr, n=1000, telling=200.0, is_repeated=False):
    return look_for_harm(Estimate("dr", value, stderr, n, telling), alpha=0.05, span=1.0, is_repeated=is_repeated)


def test_a_difference_that_is_surely_below_zero_is_harm():
    got = look(-0.05, 0.01)

    assert got.is_seen
    assert got.upper == pytest.approx(-0.05 + 1.6448536 * 0.01)
    assert got.told("the champion") == (
        "Harm against the champion in 1,000 evaluation events: it earns 0.05 less, 95 % sure at least 0.03355."
    )


def test_a_difference_that_may_be_zero_is_no_harm():
    got = look(-0.015, 0.01)

    assert not got.is_seen
    assert got.visible == pytest.approx((1.6448536 + 0.8416212) * 0.01)
    assert got.told("the anchor") == (
        "No harm seen against the anchor in 1,000 evaluation events: the difference is -0.015, 95 % sure at most +0.001449; "
        "harm of 0.02486 would most likely show."
    )


def test_few_telling_events_never_show_harm():
    got = look(-0.5, 0.01, telling=29.0)

    assert not got.is_seen
    assert got.told("the champion") == (
        "Too few events to see harm against the champion: 29 of 1,000 evaluation events tell the two apart, 30 are needed."
    )


def test_an_error_that_would_hide_the_largest_harm_is_too_few_events():
    got = look(-0.1, 0.5, n=100)

    assert got.is_too_few
    assert got.told("the champion") == (
        "Too few events to see harm against the champion: "
        "in 100 evaluation events even the largest possible, 1, might not show."
    )


def test_looking_again_and_again_asks_for_more():
    assert look(-0.02, 0.01).is_seen
    assert not look(-0.02, 0.01, is_repeated=True).is_seen
    assert look(-0.05, 0.01, is_repeated=True).is_seen


def test_a_difference_of_rounding_is_no_harm():
    assert not look(-1e-17, 0.0).is_seen


def test_no_events_show_nothing():
    got = look(math.nan, math.inf, n=0, telling=0.0)

    assert not got.is_seen
    assert got.numbers["difference"] is None
    assert got.numbers["upper"] is None
