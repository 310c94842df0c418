"""The lease: one holder at a time; the next takes over when it runs out or is given back."""

import subprocess
import sys
from dataclasses import replace

import pytest

from empty_records import with_records
from policyloop.run.lease import LEASE_S, Lease, Process, holder_here, is_worked
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


def test_the_lease_of_a_process_that_was_killed_is_free_at_once(records):
    told = (
        "from policyloop.run.lease import Process; own = Process.here(); print(own.machine, own.pid, own.started, flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", f"{told}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    machine, pid, started = child.stdout.readline().split()
    clock = HandClock()
    theirs = Lease(records, "work", holder=f"hand:{machine}:{pid}:{started}:1", clock=clock)
    ours = Lease(records, "work", holder=holder_here("hand", clock), clock=clock)
    assert [theirs.take(), ours.take()] == [True, False]

    child.kill()
    child.communicate()

    assert ours.take()


def test_one_that_has_the_number_of_a_process_that_is_gone_is_another():
    here = Process.here()

    assert not here.is_gone
    assert replace(here, started="1").is_gone
    assert not replace(here, machine="another", started="1").is_gone  # whoever is elsewhere may be there


def test_only_a_worker_that_renews_it_works(records):
    clock = HandClock()
    hand, worker = (Lease(records, "work", holder=holder_here(role, clock), clock=clock) for role in ("hand", "worker"))

    hand.take()
    assert not is_worked(records, "work", now_us=clock.us)
    hand.give_back()
    worker.take()
    assert is_worked(records, "work", now_us=clock.us)
    assert not is_worked(records, "work", now_us=clock.us + int(LEASE_S * 1e6))


def test_given_back_it_is_free_at_once(records):
    clock = HandClock()
    one, two = (Lease(records, "work", holder=h, clock=clock) for h in ("one", "two"))
    one.take()

    one.give_back()

    assert two.take()
