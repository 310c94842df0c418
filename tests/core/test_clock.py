"""Time: never backwards, never below what was recovered, and hours named as the tables name them."""

import pytest

from policyloop.core.clock import SystemClock, from_iso, hour_of, iso

NOON = 1_793_534_400_000_000  # 2026-11-01T12:00:00Z


def test_the_clock_never_runs_backwards():
    clock = SystemClock()
    times = [clock.now_us() for _ in range(1000)]

    assert times == sorted(times)


def test_the_clock_starts_no_earlier_than_what_was_recovered():
    assert SystemClock(not_before_us=NOON * 2).now_us() >= NOON * 2


def test_an_hour_is_named_in_utc():
    assert [hour_of(NOON), hour_of(NOON - 1)] == ["2026-11-01T12", "2026-11-01T11"]


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("2026-11-01T12:00:00Z", NOON),
        ("2026-11-01T12:00:00.000001Z", NOON + 1),
        ("2026-11-01T14:00:00+02:00", NOON),
        ("2026-11-01T12:00:00", NOON),
        ("1969-12-31T23:59:59.999999Z", -1),
    ],
)
def test_times_are_read_as_rfc_3339(text, time_us):
    assert from_iso(text) == time_us


def test_what_is_written_is_read_again():
    assert from_iso(iso(NOON + 123_456)) == NOON + 123_456
