"""What runs in the background of a decider: looks within their interval, deliveries until they succeed."""

import random
import threading

from policyloop.core.clock import SystemClock
from policyloop.run.edges.polling import Delivering, Polling

PATIENT_S = 30.0


def test_looks_go_on_until_they_are_stopped():
    looked = threading.Semaphore(0)
    polling = Polling(looked.release, every_s=0.02, rng=random.Random(1), clock=SystemClock())

    assert all(looked.acquire(timeout=PATIENT_S) for _ in range(5))
    polling.stop()
    while looked.acquire(blocking=False):
        pass

    assert not looked.acquire(timeout=0.1)


def test_a_delivery_is_tried_until_it_succeeds_and_then_waits_for_more():
    answers = iter([False, False, True, True])
    tried = threading.Semaphore(0)

    def deliver():
        tried.release()
        return next(answers)

    delivering = Delivering(deliver, rng=random.Random(1))
    delivering.wake()

    assert all(tried.acquire(timeout=PATIENT_S) for _ in range(3))
    assert not tried.acquire(timeout=0.5)
    delivering.wake()
    assert tried.acquire(timeout=PATIENT_S)
    delivering.stop()
