"""The pace of a loop: how long so many decisions take, with busy hours and quiet ones."""

import numpy as np
import pytest

from policyloop.core.clock import US_PER_HOUR
from policyloop.run.challenges.pace import Pace, pace_of, steady

DAY_US = 24 * US_PER_HOUR
MIDNIGHT_US = 20_000 * DAY_US


def every(step_us, *, days, start_us=MIDNIGHT_US):
    return np.arange(start_us, start_us + int(days * DAY_US), step_us, dtype=np.int64)


def test_an_even_pace_is_the_same_in_every_hour():
    pace = pace_of(every(US_PER_HOUR // 100, days=3))

    assert pace.per_day == pytest.approx(2400, rel=0.001)
    np.testing.assert_allclose(pace.per_hour, 100, rtol=0.01)
    assert pace.days(4800, from_us=MIDNIGHT_US + 12345) == pytest.approx(2.0, rel=0.001)


def test_days_are_a_plain_number_that_json_can_hold_also_past_the_end_of_an_hour():
    days = steady(24).days(1.5, from_us=MIDNIGHT_US + US_PER_HOUR // 2)

    assert type(days) is float
    assert days == pytest.approx(1.5 / 24)


def test_nights_are_slower():
    at_day = np.concatenate(
        [every(US_PER_HOUR // 60, days=1 / 3, start_us=MIDNIGHT_US + d * DAY_US + DAY_US // 3) for d in range(7)]
    )

    pace = pace_of(at_day)

    assert pace.per_day == pytest.approx(480, rel=0.03)
    assert pace.days(60, from_us=MIDNIGHT_US + 8 * US_PER_HOUR) * 24 == pytest.approx(1.0, rel=0.1)
    assert pace.days(60, from_us=MIDNIGHT_US + 16 * US_PER_HOUR) * 24 == pytest.approx(17.0, rel=0.1)


def test_only_the_last_week_counts():
    old, new = every(US_PER_HOUR // 1000, days=7), every(US_PER_HOUR // 10, days=8, start_us=MIDNIGHT_US + 7 * DAY_US)

    assert pace_of(np.concatenate([old, new])).per_day == pytest.approx(240, rel=0.01)


def test_a_pace_of_less_than_a_day_is_taken_for_all_hours():
    pace = pace_of(every(US_PER_HOUR // 50, days=1 / 8))

    assert len(set(pace.per_hour)) == 1
    assert pace.per_day == pytest.approx(1200, rel=0.02)


def test_less_than_an_hour_tells_nothing():
    assert pace_of(np.zeros(0, dtype=np.int64)) is None
    assert pace_of(every(1000, days=1 / 30)) is None


def test_hand_worked_two_hours_of_the_day():
    pace = Pace(tuple(30.0 if hour in (9, 10) else 0.0 for hour in range(24)))

    assert pace.days(45, from_us=MIDNIGHT_US + int(9.5 * US_PER_HOUR)) * 24 == pytest.approx(1.5)  # 15, then 30
    assert pace.days(60 + 15, from_us=MIDNIGHT_US + 9 * US_PER_HOUR) == pytest.approx(1 + 0.5 / 24)
    assert pace.days(0, from_us=MIDNIGHT_US) == 0.0
    assert steady(0.0).days(1, from_us=MIDNIGHT_US) == float("inf")
