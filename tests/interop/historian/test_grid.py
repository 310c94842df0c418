"""Readings at odd times on an even grid: nothing is told before it happened, nothing counts as its own cause."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.interop.historian.grid import in_silence, resampled, ticks_of

AT = np.array([0, 4, 10, 27], dtype=np.int64)
VALUE = np.array([1.0, 3.0, 5.0, 9.0])
TICKS = np.array([0, 10, 20, 30], dtype=np.int64)
NAN = np.nan


def on_grid(method, role="context", max_gap=None):
    return resampled(AT, VALUE, TICKS, role=role, method=method, every_us=10, max_gap_us=max_gap)


@pytest.mark.parametrize(
    ("method", "role", "expected"),
    [
        ("last", "context", [1, 5, 5, 9]),
        ("last", "action", [1, 5, 5, 9]),
        ("last", "outcome", [5, 5, 9, 9]),  # what came of a step is known at its end
        ("mean", "context", [1, 4, NAN, 9]),  # (-10, 0], (0, 10], (10, 20], (20, 30]
        ("mean", "action", [2, 5, 9, NAN]),  # [0, 10), [10, 20), [20, 30), [30, 40)
        ("mean", "outcome", [2, 5, 9, NAN]),
        ("interpolate", "context", [1, 5, 5 + 4 * 10 / 17, NAN]),
        ("interpolate", "outcome", [5, 5 + 4 * 10 / 17, NAN, NAN]),
    ],
)
def test_hand_worked_values(method, role, expected):
    np.testing.assert_allclose(on_grid(method, role), expected)


def test_readings_that_are_too_old_say_nothing():
    np.testing.assert_array_equal(on_grid("last", max_gap=9), [1, 5, NAN, 9])
    np.testing.assert_allclose(on_grid("interpolate", max_gap=9), [1, 5, NAN, NAN])


def test_ticks_are_multiples_of_the_step():
    np.testing.assert_array_equal(ticks_of(3, 31, 10), [10, 20, 30])


@given(
    at=st.lists(st.integers(0, 200), min_size=1, max_size=30, unique=True).map(sorted),
    method=st.sampled_from(["last", "mean", "interpolate"]),
    constant=st.floats(-1e6, 1e6),
)
def test_what_never_changes_is_the_same_on_every_grid(at, method, constant):
    at = np.array(at, dtype=np.int64)

    told = resampled(
        at, np.full(len(at), constant), np.arange(0, 200, 10), role="context", method=method, every_us=10, max_gap_us=None
    )

    np.testing.assert_allclose(told[~np.isnan(told)], constant, rtol=1e-12)


@given(at=st.lists(st.integers(0, 200), min_size=1, max_size=30, unique=True).map(sorted))
def test_a_context_never_knows_what_came_later(at):
    at = np.array(at, dtype=np.int64)
    ticks = np.arange(0, 200, 10)

    told = resampled(at, at.astype(float), ticks, role="context", method="last", every_us=10, max_gap_us=None)

    known = ~np.isnan(told)
    assert (told[known] <= ticks[known]).all()
    np.testing.assert_array_equal(known, ticks >= at[0])


def test_in_a_silence_of_all_tags_nothing_is_known_from_its_first_step_on():
    heard = np.array([0, 10, 20, 95, 100], dtype=np.int64)

    told = in_silence(heard, np.arange(0, 110, 10), every_us=10, max_gap_us=30)

    np.testing.assert_array_equal(np.arange(0, 110, 10)[told], [30, 40, 50, 60, 70, 80, 90])
    assert not in_silence(heard, np.arange(0, 110, 10), every_us=10, max_gap_us=80).any()
