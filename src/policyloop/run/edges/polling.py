"""What a decider at the edge does in the background: look for a newer model, and deliver what waits.

Question answered: when is the next look, and when the next try? Looks are spread by chance over a fifth of their
interval, so that a thousand deciders that were started at once do not ask at once, and the last tenth is left for the
download, so that a new model decides before the interval is over.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from policyloop.core.clock import Clock

DELIVERY_TIMEOUT_S = 10.0
_GATHER_S = 0.2  # rows that come close together are delivered together
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_EARLIEST, _LATEST = 0.7, 0.9  # of the interval


class Polling:
    """Calls `look` a little more often than every `every_s` seconds, in a thread of its own; `look` raises nothing."""

    def __init__(self, look: Callable[[], object], *, every_s: float, rng: random.Random, clock: Clock) -> None:
        self._look = look
        self._every_s = every_s
        self._rng = rng
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edge-polling", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a look that is under way is waited for."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        next_s = self._clock.monotonic_s() + self._every_s * self._rng.uniform(0.0, _LATEST)
        while not self._stop.wait(max(0.0, next_s - self._clock.monotonic_s())):
            began_s = self._clock.monotonic_s()
            self._look()
            next_s = began_s + self._every_s * self._rng.uniform(_EARLIEST, _LATEST)


class Delivering:
    """Calls `deliver` soon after each `wake`, and again with growing pauses while it answers False, in a thread of its own."""

    def __init__(self, deliver: Callable[[], bool], *, rng: random.Random) -> None:
        self._deliver = deliver
        self._rng = rng
        self._stop = threading.Event()
        self._due = threading.Event()
        self._thread = threading.Thread(target=self._run, name="edge-delivery", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something waits."""
        self._due.set()

    def stop(self) -> None:
        """End the thread; a delivery that is under way is waited for."""
        self._stop.set()
        self._due.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            self._due.wait()
            if self._stop.wait(_GATHER_S):
                return
            self._due.clear()
            if self._deliver():
                pause_s = _FIRST_PAUSE_S
                continue
            self._due.set()
            if self._stop.wait(pause_s * self._rng.uniform(0.5, 1.0)):
                return
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
