"""Acknowledgements: each waiter learns what became of its record, once and for all."""

import asyncio
import threading

import pytest

from policyloop.core.errors import LogUnavailable
from policyloop.log.acks import Acks


def test_a_confirmed_record_is_durable_for_all_who_ask_later():
    acks = Acks()

    acks.confirm(3)

    for seq in (1, 2, 3):
        acks.wait(seq, timeout_s=0)  # raises where it is not
    assert acks.settled == 3


def test_a_refused_record_stays_refused_when_later_ones_are_confirmed():
    acks = Acks()
    acks.confirm(2)
    acks.refuse(4, "the disk is full")
    acks.confirm(6)

    acks.wait(2)
    acks.wait(5)
    for seq in (3, 4):
        with pytest.raises(LogUnavailable, match="the disk is full"):
            acks.wait(seq)


def test_refusals_in_a_row_are_kept_as_one():
    acks = Acks()

    for seq in range(1, 1001):
        acks.refuse(seq, "the disk is full")

    assert len(acks._refused) == 1
    with pytest.raises(LogUnavailable):
        acks.wait(500)


def test_waiting_ends_after_the_timeout():
    acks = Acks()

    with pytest.raises(LogUnavailable, match=r"record 1 was not on the disk after 0\.01 s"):
        acks.wait(1, timeout_s=0.01)


def test_a_blocked_thread_is_woken():
    acks = Acks()
    thread = threading.Thread(target=acks.wait, args=(5,))
    thread.start()

    acks.confirm(4)
    acks.confirm(5)

    thread.join(10)
    assert not thread.is_alive()


def test_all_waiters_of_an_event_loop_are_woken_by_one_call_per_group():
    acks = Acks()
    calls = []

    async def play():
        loop = asyncio.get_running_loop()
        original = loop.call_soon_threadsafe
        waiting = [asyncio.ensure_future(acks.durable(seq)) for seq in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        loop.call_soon_threadsafe = lambda *a, **k: (calls.append(a), original(*a, **k))[1]
        acks.confirm(3)
        await asyncio.gather(*waiting[:3])
        assert not waiting[3].done()
        assert len(calls) == 1
        acks.refuse(4, "the disk is gone")
        with pytest.raises(LogUnavailable, match="the disk is gone"):
            await waiting[3]

    asyncio.run(play())


def test_a_cancelled_waiter_and_a_closed_loop_disturb_no_one():
    acks = Acks()

    async def leave():
        task = asyncio.ensure_future(acks.durable(1))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())

    acks.confirm(1)

    asyncio.run(acks.durable(1))
    assert acks.settled == 1
