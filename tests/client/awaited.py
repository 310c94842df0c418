"""`AsyncClient` with the manners of `Client`, so that one test holds both to the same promises."""

import asyncio
import functools
import inspect

from policyloop.client import AsyncClient


class Awaited:
    """Runs each call on an event loop until it is done; after `close` the next call is on another loop."""

    def __init__(self, url, *, clock=None, **given):
        self._runner = None
        self._client = AsyncClient(url, clock=None if clock is None else Gentle(clock), **given)

    def __getattr__(self, name):
        call = getattr(self._client, name)
        assert inspect.iscoroutinefunction(call), name
        self._runner = self._runner or asyncio.Runner()
        return functools.wraps(call)(lambda *args, **kwargs: self._runner.run(call(*args, **kwargs)))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        with self._runner or asyncio.Runner() as runner:
            runner.run(self._client.close())
        self._runner = None


class Gentle:
    """A test's clock, whose sleep is awaited."""

    def __init__(self, clock):
        self._clock = clock
        self.now_us = clock.now_us
        self.monotonic_s = clock.monotonic_s

    async def sleep(self, seconds):
        self._clock.sleep(seconds)
