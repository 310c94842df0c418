"""The lease: one holder at a time; the next takes over when it runs out or is given back."""

import pytest

from empty_records import with_records
from policyloop.run.lease import LEASE_S, Lease
from policyloop.storage.records import open_records, url_of


class HandClock:
    """A clock that stands still until it is moved."""

    def __init__(self):
        self.us = 1_000_000

    def now_us(self):
        return self.us

    def monotonic_s(self):
        return self.us / 1e6


@pytest.fixture
def records(tmp_path):
    opened = open_records(url_of(with_records(tmp_path)))
    yield opened
    opened.close()


def test_only_one_holds_it_and_may_renew_it(records):
    clock = HandClock()
    one, two = (Lease(records, "work", holder=h, clock=clock) for h in ("one", "two"))

    assert [one.take(), two.take(), one.take()] == [True, False, True]


def test_another_takes_over_once_it_has_run_out(records):
    clock = HandClock()
    one, two = (Lease(records, "work", holder=h, clock=clock) for h in ("one", "two"))
    one.take()
    clock.us += int(LEASE_S * 1e6)

    assert [two.take(), one.take()] == [True, False]


def test_given_back_it_is_free_at_once(records):
    clock = HandClock()
    one, two = (Lease(records, "work", holder=h, clock=clock) for h in ("one", "two"))
    one.take()

    one.give_back()

    assert two.take()
