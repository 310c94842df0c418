"""A loop in hand beside a running `policyloop up`: the worker trains, the hand waits, and the servers change over."""

import asyncio

from deployed import LOOP, deployed, eventually
from policyloop import AsyncClient, Loop


async def visit(url, n):
    """So many visitors, of whom those with a phone like calm and the others bold; who decided for them."""
    async with AsyncClient(url, timeout=30) as client:
        answers = []
        for number in range(n):
            device = ("phone", "desktop")[number % 2]
            answer = await client.decide("shop", {"hour": number % 24, "device": device})
            await client.outcome(answer, clicked=answer.action == ("calm", "bold")[number % 2], final=True)
            answers.append(answer)
        return {answer.policy for answer in answers}


def test_the_worker_trains_when_the_hand_asks_and_who_was_promoted_decides(tmp_path):
    with deployed(tmp_path / "project", loop=LOOP.replace("60 examples", "none")) as running:
        asyncio.run(visit(running.url, 120))
        with Loop.open("shop", data=running.home) as loop:
            eventually(lambda: loop.join().examples == 120)

            first = loop.train()
            eventually(lambda: asyncio.run(visit(running.url, 8)) == {first.model})
            taken_back = loop.rollback(why="to see the baseline again")
            eventually(lambda: asyncio.run(visit(running.url, 8)) == {"baseline"})

        assert first.is_promoted
        assert first.sentence.startswith(f"model {first.model[:12]} from ")
        assert (taken_back.champion, taken_back.previous) == (None, first.model)
        assert running.stop() == 0
