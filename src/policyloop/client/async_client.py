"""The client for asyncio: the calls of `Client`, awaited, with as many under way at once as there are tasks.

Question answered: how does a program on an event loop ask for decisions and report outcomes without ever blocking it?
Connections are kept and shared among tasks; the spool's disk is waited for in a thread.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .answers import Answer, Receipt
from .async_clock import AsyncClock
from .async_transport import AsyncTransport
from .calls import SPOOL_BYTES, TIMEOUT_S, Calls, as_sent, ending, listed, request
from .exchange import Reply

T = TypeVar("T")


class AsyncClient:
    """One server's loops, for tasks of an event loop. Close it, or use it in an `async with`.

    It keeps the promises of `Client`: ids are made on this side and repeated by retries, `decide` with a `default` never
    raises in an outage, and reports wait in the spool, which processes and both kinds of client may share. It may be used
    on one event loop after another.

    Args:
        url: the server's address, such as `http://127.0.0.1:8900`.
        spool: folder where reports wait on disk while the server is away; None: an outage raises `Unavailable` instead.
        timeout: seconds for one call with all its retries, unless the call says otherwise.
        spool_bytes: the most that the spool may hold; reports beyond it raise `SpoolFull`.
        clock, rng: for tests.

    Raises:
        ValueError: the address is none.
        OSError: the spool's folder cannot be made.
    """

    def __init__(
        self,
        url: str,
        *,
        spool: str | os.PathLike[str] | None = None,
        timeout: float = TIMEOUT_S,
        spool_bytes: int = SPOOL_BYTES,
        clock: AsyncClock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        time = clock or AsyncClock()
        self._transport = AsyncTransport(url, time)
        waiting = _GivingWay(self._transport, time)
        self._calls = Calls(waiting, clock=time, rng=rng, spool=spool, spool_bytes=spool_bytes, timeout_s=timeout)

    async def decide(
        self,
        loop: str,
        context: Mapping[str, Any],
        *,
        default: str | Mapping[str, Any] | None = None,
        decision_id: str | None = None,
        mask: Sequence[bool] | None = None,
        exclude: Sequence[str] | None = None,
        actions: Sequence[Mapping[str, Any]] | None = None,
        action_set: str | None = None,
        n: int | None = None,
        explore: bool = True,
        defer: bool = False,
        occurred_at: str | None = None,
        episode_id: str | None = None,
        step: int | None = None,
        previous: Mapping[str, Any] | Sequence[Any] | None = None,
        subject: str | None = None,
        pmf: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """What to do in this context; arguments and errors are those of `Client.decide`.

        The time is kept whatever takes long, the system's name lookup included.
        """
        body = request(
            context=context,
            decision_id=decision_id,
            mask=listed(mask),
            exclude=listed(exclude),
            actions=listed(actions),
            action_set=action_set,
            n=n,
            explore=explore,
            defer=defer,
            occurred_at=occurred_at,
            episode_id=episode_id,
            step=step,
            previous=previous,
            subject=subject,
        )
        return await self._calls.decide(loop, body, default=default, pmf=pmf, timeout=timeout)

    async def outcome(
        self,
        decision: Answer | str,
        outcomes: Mapping[str, float | bool] | None = None,
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        final: bool = False,
        timeout: float | None = None,
        **named: float | bool,
    ) -> Receipt:
        """Report what came of a decision; arguments and errors are those of `Client.outcome`."""
        values = {**(outcomes or {}), **named}
        body = request(outcomes=values, outcome_id=outcome_id, occurred_at=occurred_at, final=final)
        return await self._calls.outcome(decision, body, loop=loop, timeout=timeout)

    async def end_episode(
        self,
        decision: Answer | str,
        next_context: Mapping[str, Any] | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        outcomes: Mapping[str, float | bool] | None = None,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say that an episode ended, and in what; arguments and errors are those of `Client.end_episode`."""
        end = ending(terminated=terminated, truncated=truncated, next_context=next_context)
        body = {"outcomes": dict(outcomes or {}), **request(outcome_id=outcome_id, occurred_at=occurred_at, **end)}
        return await self._calls.outcome(decision, body, loop=loop, timeout=timeout)

    async def executed(
        self,
        decision: Answer | str,
        action: str | int | Mapping[str, Any] | Sequence[float],
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say what was really carried out; arguments and errors are those of `Client.executed`."""
        body = {"outcomes": {}, "executed": as_sent(action), **request(outcome_id=outcome_id, occurred_at=occurred_at)}
        return await self._calls.outcome(decision, body, loop=loop, timeout=timeout)

    async def outcomes(self, loop: str, reports: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> Receipt:
        """Report many outcomes of one loop at once; arguments and errors are those of `Client.outcomes`."""
        return await self._calls.outcomes(loop, reports, timeout=timeout)

    async def activate(
        self,
        decision: Answer | str,
        *,
        loop: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say that a deferred decision took effect; arguments and errors are those of `Client.activate`."""
        return await self._calls.activate(decision, loop=loop, occurred_at=occurred_at, timeout=timeout)

    async def register_actions(self, loop: str, actions: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> str:
        """Register candidates that will be offered together; arguments, result and errors are those of `Client`'s."""
        return await self._calls.register_actions(loop, actions, timeout=timeout)

    async def track(self, events: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> list[Mapping[str, Any]]:
        """Bring in events that happened elsewhere; arguments, results and errors are those of `Client.track`."""
        return await self._calls.track(events, timeout=timeout)

    async def flush(self, *, timeout: float | None = None) -> bool:
        """Send what waits in the spool, without raising in an outage; whether nothing waits any more."""
        return await self._calls.flush(timeout=timeout)

    async def close(self) -> None:
        """Try once more to send what waits in the spool, then close the connections. What still waits stays on disk."""
        await self.flush()
        await self._transport.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()


class _GivingWay:
    """Waits by giving way to the event loop."""

    def __init__(self, transport: AsyncTransport, clock: AsyncClock) -> None:
        self._transport = transport
        self._clock = clock

    async def post(self, path: str, body: bytes, *, deadline_s: float) -> Reply:
        """As `Waiting` says."""
        return await self._transport.post(path, body, deadline_s=deadline_s)

    async def sleep(self, seconds: float) -> None:
        """As `Waiting` says."""
        await self._clock.sleep(seconds)

    async def on_disk(self, work: Callable[[], T]) -> T:
        """As `Waiting` says; a task that is cancelled meanwhile ends when the disk is done, so that nothing is half done."""
        doing = asyncio.ensure_future(asyncio.to_thread(work))
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.wait([doing])
            doing.exception()  # looked at, so that the event loop does not tell of it
            raise
