"""Episodes under way on this side: at which step each is, and what was done last.

Question answered: which step is next, and what must the server know of the one before? It keeps steps in order and limits
kept whichever of the server's processes a request reaches, also after an outage in which something else was done.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

MAX_EPISODES = 10_000  # of the newest

Values = Mapping[str, Any] | Sequence[Any]  # by part, or in order


class Episodes:
    """Steps by loop and episode. Safe to share between threads; the steps of one episode come one after the other."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], tuple[int, Values | None]] = {}
        self._guard = threading.Lock()

    def in_order(self, loop: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request with its step, and what was done at the step before, where the caller says neither.

        The step is taken whatever becomes of the request: an answer that was lost may have been logged under it.
        """
        filled = dict(body)
        episode = body.get("episode_id")
        if episode is None:
            return filled
        with self._guard:
            step, values = self._last.get((loop, episode), (-1, None))
            filled.setdefault("step", step + 1)
            if values is not None:
                filled.setdefault("previous", values)
            self._keep((loop, episode), (filled["step"], values))
        return filled

    def done(self, loop: str, body: Mapping[str, Any], values: Values | None) -> None:
        """Remember what is done at the step of a request; None where actions have names."""
        episode = body.get("episode_id")
        if episode is not None and values is not None:
            with self._guard:
                self._keep((loop, episode), (body["step"], values))

    def instead(self, loop: str, episode: str | None, step: int | None, executed: object) -> None:
        """Remember what was carried out at the last step, where that was something else; a label leaves nothing behind."""
        if episode is None or isinstance(executed, str) or not isinstance(executed, Mapping | Sequence):
            return
        with self._guard:
            last = self._last.get((loop, episode))
            if last is not None and last[0] == step:
                self._keep((loop, episode), (last[0], executed))

    def ended(self, loop: str, episode: str | None) -> None:
        """Let go of an episode."""
        if episode is not None:
            with self._guard:
                self._last.pop((loop, episode), None)

    def _keep(self, key: tuple[str, str], last: tuple[int, Values | None]) -> None:
        self._last.pop(key, None)
        self._last[key] = last
        while len(self._last) > MAX_EPISODES:
            del self._last[next(iter(self._last))]
