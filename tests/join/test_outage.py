"""Outages: an hour whose reports were lost is held back, an hour with less luck is not."""

from datetime import UTC, datetime

import pytest

from policyloop.join.audit import Audit
from policyloop.join.outage import held_back

NOON = int(datetime(2026, 3, 2, 12, 30, tzinfo=UTC).timestamp() * 1e6)
HOUR_US = 3_600_000_000


def an_hour(rate, n=1000):
    return Audit(decisions=n, joined=int(n * rate), unrewarded=n - int(n * rate))


def usual_hours(rate=0.4):
    return {f"2026-03-02T{h:02d}": an_hour(rate) for h in range(6, 11)}


@pytest.mark.parametrize(("rate", "is_held"), [(0.0, True), (0.19, True), (0.21, False), (0.4, False)])
def test_less_than_half_of_the_usual_rate_is_held_back(rate, is_held):
    audits = {**usual_hours(), "2026-03-02T11": an_hour(rate)}

    assert held_back(audits, now_us=NOON) == (["2026-03-02T11"] if is_held else [])


def test_a_low_rate_that_chance_explains_is_let_in():
    rare = {f"2026-03-02T{h:02d}": an_hour(0.02, n=100) for h in range(6, 11)}

    assert held_back({**rare, "2026-03-02T11": an_hour(0.0, n=100)}, now_us=NOON) == []


def test_a_new_loop_has_no_usual_rate_yet():
    two = dict(list(usual_hours().items())[:2])

    assert held_back({**two, "2026-03-02T11": an_hour(0.0)}, now_us=NOON) == []


def test_a_day_later_it_is_let_in_and_at_once_when_released():
    audits = {**usual_hours(), "2026-03-02T11": an_hour(0.0)}

    assert held_back(audits, now_us=NOON, released={"2026-03-02T11"}) == []
    assert held_back(audits, now_us=NOON + 24 * HOUR_US) == []
    assert held_back(audits, now_us=NOON + 22 * HOUR_US) == ["2026-03-02T11"]
