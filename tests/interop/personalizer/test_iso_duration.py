"""ISO 8601 durations: read in both spellings, written in the shortest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.interop.personalizer.iso_duration import read_duration, show_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT10M", 600),
        ("P1DT2H3M4.5S", 93_784.5),
        ("P2W", 1_209_600),
        ("PT0S", 0),
        ("00:10:00", 600),
        ("1.02:03:04", 93_784),
    ],
)
def test_both_spellings_are_read(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "10m", "P1Y", "-PT1S", "PT1S ", "10:00", "P" + "9" * 60 + "D"])
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="expected an ISO 8601 duration such as PT10M"):
        read_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(600, "PT10M"), (5400, "PT1H30M"), (86_400, "P1D"), (90_061.5, "P1DT1H1M1.5S"), (0, "PT0S")]
)
def test_the_shortest_spelling_is_written(seconds, text):
    assert show_duration(seconds) == text


@given(st.integers(0, 10**12).map(lambda us: us / 10**6))
def test_what_is_written_is_read_again(seconds):
    assert read_duration(show_duration(seconds)) == pytest.approx(seconds, abs=1e-6)
