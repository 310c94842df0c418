"""A decision never stands in the log without the set of candidates that it refers to, whatever the log refuses and when."""

import random
import threading

import pytest

from front_page import SALT
from market import MARKET, offer
from policyloop.core.errors import LogUnavailable
from policyloop.core.event import ActionSet, Decision
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from served import HandClock, MemoryLog

LARGE = offer(random.Random(1), 100)
FULL = LogUnavailable("the disk is full")


class Scripted(MemoryLog):
    """A log that raises each of these errors in its turn; None: it takes the record."""

    def __init__(self, *errors):
        super().__init__()
        self._errors = list(errors)

    def append(self, event):
        self.error = self._errors.pop(0) if self._errors else None
        return super().append(event)


class Slow(MemoryLog):
    """A log in which the first set waits until it may go on."""

    def __init__(self):
        super().__init__()
        self.is_in, self.may_go_on = threading.Event(), threading.Event()

    def append(self, event):
        if isinstance(event, ActionSet):
            self.is_in.set()
            assert self.may_go_on.wait(10)
        return super().append(event)


def market_on(log):
    live = live_of(read_spec(MARKET), salt=SALT, policy=None, name="baseline")
    return Decider(live, clock=HandClock(), append=log.append)


def ask():
    return DecideRequest(context={"purse": "small"}, actions=LARGE)


@pytest.mark.parametrize("errors", [(FULL,), (None, FULL)], ids=["the set is refused", "the decision after it is refused"])
def test_a_set_is_logged_anew_after_the_log_refused(errors):
    log = Scripted(*errors)
    decider = market_on(log)
    with pytest.raises(LogUnavailable):
        decider.decide(ask())
    log.events.clear()  # a log that refuses gives up what it had not written

    decider.decide(ask())
    decider.decide(ask())

    assert [type(record) for record in log.events] == [ActionSet, Decision, Decision]
    assert log.events[0].digest == log.events[1].actions == log.events[2].actions


def test_no_threads_decision_gets_ahead_of_the_set_that_another_is_logging():
    log = Slow()
    decider = market_on(log)
    threads = [threading.Thread(target=decider.decide, args=(ask(),)) for _ in range(2)]
    threads[0].start()
    assert log.is_in.wait(10)
    threads[1].start()
    threads[1].join(0.2)  # as long as it would need, if it did not wait

    log.may_go_on.set()
    for thread in threads:
        thread.join(10)

    assert [type(record) for record in log.events] == [ActionSet, Decision, Decision]


def test_every_decision_names_the_record_of_its_set_so_that_it_waits_for_both():
    log = MemoryLog()
    decider = market_on(log)

    first, second, small = decider.decide(ask()), decider.decide(ask()), decider.decide(asked_small())

    assert [type(event) for event in log.events] == [ActionSet, Decision, Decision, Decision]
    assert (first.set_seq, first.seq) == (1, 2)
    assert (second.set_seq, second.seq) == (1, 3)
    assert small.set_seq is None


def asked_small():
    return DecideRequest(context={"purse": "small"}, actions=LARGE[:2])
