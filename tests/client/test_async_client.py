"""The client for asyncio: what it shares with the other is tested with it; here is what only tasks can do."""

import asyncio
import inspect
import json
import subprocess
import sys
import threading

import pytest
from scripted_server import decided

from policyloop.client import AsyncClient, Client, Receipt
from policyloop.client.async_client import _GivingWay

CONTEXT = {"hour": 9}


def answer_when(opened):
    """A step of the script that waits for an event before it answers the decision with that id."""

    def step(handler):
        opened.wait(30)
        data = json.dumps(decided("slow")).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    return step


async def until(holds):
    while not holds():
        await asyncio.sleep(0.001)


def test_its_calls_are_those_of_the_client():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            mine = getattr(AsyncClient, name)
            assert inspect.iscoroutinefunction(mine)
            assert inspect.signature(mine) == inspect.signature(method), name


def test_tasks_at_once_have_a_connection_each_and_keep_it_for_the_next(server):
    async def play():
        async with AsyncClient(server.url, timeout=30) as client:
            first = await asyncio.gather(*(client.decide("front-page", CONTEXT) for _ in range(8)))
            n_connections = server.n_connections
            second = [await client.decide("front-page", CONTEXT) for _ in range(8)]
            return first + second, n_connections

    answers, n_connections = asyncio.run(play())

    assert {answer.decision_id for answer in answers} == {body["decision_id"] for body in server.bodies()}
    assert len(server.requests) == 16
    assert server.n_connections == n_connections <= 8


def test_a_slow_answer_holds_nobody_else_up(server):
    opened = threading.Event()
    server.script.append(answer_when(opened))

    async def play():
        async with AsyncClient(server.url, timeout=30) as client:
            slow = asyncio.create_task(client.decide("front-page", CONTEXT, decision_id="slow"))
            await until(lambda: server.requests)
            quick = await client.decide("front-page", CONTEXT)
            was_waiting = not slow.done()
            opened.set()
            return quick, was_waiting, await slow

    quick, was_waiting, slow = asyncio.run(play())

    assert quick.logged
    assert was_waiting
    assert slow.decision_id == "slow"


def test_a_cancelled_call_leaves_no_answer_behind_for_the_next(server):
    opened = threading.Event()

    async def play():
        async with AsyncClient(server.url, timeout=30) as client:
            await client.decide("front-page", CONTEXT)
            server.script.append(answer_when(opened))
            slow = asyncio.create_task(client.decide("front-page", CONTEXT, decision_id="slow"))
            await until(lambda: len(server.requests) == 2)
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            opened.set()
            return await client.decide("front-page", CONTEXT, decision_id="next")

    assert asyncio.run(play()).decision_id == "next"


def test_what_waits_in_its_spool_is_sent_by_a_client_of_the_other_kind(server, nobody, tmp_path):
    async def report():
        async with AsyncClient(nobody, spool=tmp_path) as client:
            return await asyncio.gather(*(client.outcome(f"d{n}", loop="front-page", clicked=True) for n in range(20)))

    receipts = asyncio.run(report())
    with Client(server.url, spool=tmp_path, timeout=30) as client:
        is_empty = client.flush()

    assert receipts == [Receipt(spooled=1)] * 20
    assert is_empty
    assert {row["decision_id"] for body in server.bodies() for row in body} == {f"d{n}" for n in range(20)}


def test_a_task_that_is_cancelled_at_the_disk_ends_when_the_disk_is_done():
    begun, opened, done = threading.Event(), threading.Event(), []

    def work():
        begun.set()
        opened.wait(30)
        done.append("written")

    async def play():
        task = asyncio.create_task(_GivingWay(None, None).on_disk(work))
        await until(begun.is_set)
        task.cancel()
        await asyncio.sleep(0)
        was_waiting = not task.done()
        opened.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return was_waiting

    assert asyncio.run(play())
    assert done == ["written"]


def test_whoever_takes_the_other_client_does_not_load_asyncio():
    script = "import sys; from policyloop.client import Client; print('asyncio' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert told == "False\n"


def test_the_package_names_nothing_else():
    import policyloop.client  # noqa: PLC0415

    with pytest.raises(AttributeError, match="no attribute 'Agent'"):
        policyloop.client.Agent  # noqa: B018
