"""The exact binomial interval, beside numbers from the tables."""

import pytest

from policyloop.simulate.gate.binomial import exact_interval


def test_as_the_tables_have_it():
    assert exact_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert exact_interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)
    assert exact_interval(3, 10) == pytest.approx((0.0667, 0.6525), abs=1e-4)
    assert exact_interval(50, 1000) == pytest.approx((0.0373, 0.0654), abs=1e-4)


def test_no_hits_by_hand():
    """The upper bound p leaves half of the error to zero hits: (1 - p)^n = .025."""
    assert (1 - exact_interval(0, 37)[1]) ** 37 == pytest.approx(0.025)


def test_without_tries_nothing_is_known():
    assert exact_interval(0, 0) == (0.0, 1.0)
