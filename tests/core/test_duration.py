"""Durations: read from what people write, written so that they read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.duration import MAX_S, read_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("4h", 14_400),
        ("90d", 7_776_000),
        ("1.5h", 5400),
        ("1h30m", 5400),
        ("250ms", 0.25),
        ("2 W", 1_209_600),
        ("0s", 0),
    ],
)
def test_durations_are_what_they_say(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "10", "m", "10 months", "-1h", "1h,30m", "1e3s", "none", "10mh"])
def test_what_is_no_duration_is_told_what_one_looks_like(text):
    with pytest.raises(ValueError, match=r"expected a duration such as 90s, 10m, 4h, 1\.5h or 90d\."):
        read_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(600.0, "10m"), (5400.0, "90m"), (86_400.0, "1d"), (90.0, "90s"), (0.25, "0.25s"), (0.0, "0s")]
)
def test_the_shortest_exact_spelling_is_shown(seconds, text):
    assert show_duration(seconds) == text


@given(st.one_of(st.floats(1e-3, MAX_S), st.integers(0, int(MAX_S)).map(float)))
def test_what_is_shown_reads_back(seconds):
    assert read_duration(show_duration(seconds)) == seconds
