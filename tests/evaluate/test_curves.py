"""Shapes of training curves: a rise and a fall, an error that stays high, a run that breaks down."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.errors import Invalid
from policyloop.evaluate import curves
from small_histories import curve_of


def test_a_rise_and_a_fall_have_their_peak_at_the_top():
    peak = curves.peak_of(np.array([0.0, 40, 80, 100, 90, 70, 60]))

    assert peak is not None
    assert peak.place == 3 or peak.top >= 90  # the median of three neighbours: 90, beside the top
    assert peak.end == 60


def test_a_rise_that_levels_off_has_no_peak():
    assert curves.peak_of(np.array([0.0, 40, 80, 100, 101, 100, 100.5, 99])) is None


def test_a_single_checkpoint_that_sticks_out_is_no_peak():
    assert curves.peak_of(np.array([0.0, 20, 40, 200, 60, 70, 80, 90])) is None


def test_a_fall_from_the_start_is_no_peak():
    """With rewards below zero the expected return falls while it is learned."""
    assert curves.peak_of(np.array([-1.0, -50, -90, -110, -118, -120])) is None


def test_a_fall_at_first_does_not_hide_a_rise_and_a_fall_after_it():
    peak = curves.peak_of(np.array([0.0, -60, -100, -80, -50, -40, -60, -75, -90]))

    assert peak is not None
    assert peak.place in (4, 5)
    assert peak.start < -70


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40).map(sorted))
def test_what_only_rises_never_has_a_peak(values):
    assert curves.peak_of(np.array(values)) is None


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30), st.floats(0.1, 100))
def test_the_unit_of_reward_does_not_matter(values, unit):
    one, other = curves.peak_of(np.array(values)), curves.peak_of(2.0 ** round(math.log2(unit)) * np.array(values))

    assert (one and one.place) == (other and other.place)


def test_a_td_error_that_is_small_beside_the_expected_return_is_not_high():
    assert curves.high_error(curve_of([100.0] * 8, td_error=[25.0] * 8)) is None


def test_a_td_error_that_is_a_third_of_the_expected_return_is_high():
    assert curves.high_error(curve_of([30.0] * 8, td_error=[100.0] * 8)) == pytest.approx(1 / 3)


def test_a_conservative_term_that_came_down_is_not_high():
    falling = [60.0, 50, 40, 30, 20, 15, 12, 12]

    assert curves.high_term(curve_of([100.0] * 8, conservative=falling)) is None
    assert curves.high_term(curve_of([100.0] * 8, conservative=[60.0] * 8)) == pytest.approx(0.6)


def test_checkpoints_count_as_sound_until_a_number_is_not_finite():
    broken = curve_of([1.0, 2, 3, 4], td_error=[1.0, 1, math.nan, 1])

    assert curves.n_sound(broken) == 2


def test_checkpoints_count_as_sound_until_no_return_could_be_so_high():
    assert curves.n_sound(curve_of([1.0, 20, 3]), largest=13) == 1


def test_checkpoints_out_of_order_are_refused_with_their_place():
    with pytest.raises(Invalid, match=r"curve\[1\]\.n_updates: is 1000 after 1000; expected numbers that rise"):
        curves.checked([{"n_updates": 1000, "q_mean": 1.0}, {"n_updates": 1000, "q_mean": 2.0}])


def test_a_checkpoint_without_its_updates_is_refused():
    with pytest.raises(Invalid, match=r"curve\[0\]: has no 'n_updates'"):
        curves.checked([{"q_mean": 1.0}])


def test_no_checkpoint_at_all_is_refused():
    with pytest.raises(Invalid, match="has no checkpoint"):
        curves.checked([])
