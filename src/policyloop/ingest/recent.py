"""What was said a moment ago: a bounded memory, so that a retry gets the same answer.

Question answered: did this process see the same id within the last minute? Nothing depends on it being complete:
repeats that it misses meet when the tables are joined.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")

KEEP_S = 60.0
MAX_ENTRIES = 100_000


class Recent(Generic[V]):
    """Values by key, each kept for a minute, the oldest given up when there are too many. Threads may share it."""

    def __init__(self, *, keep_s: float = KEEP_S, max_entries: int = MAX_ENTRIES) -> None:
        self._keep_s = keep_s
        self._max_entries = max_entries
        self._entries: dict[Hashable, tuple[float, V]] = {}
        self._order: deque[tuple[float, Hashable]] = deque()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable, *, now_s: float) -> V | None:
        """The value kept under the key; None when there is none, or it is too old. `now_s` is monotonic."""
        entry = self._entries.get(key)
        return None if entry is None or entry[0] + self._keep_s <= now_s else entry[1]

    def put(self, key: Hashable, value: V, *, now_s: float) -> None:
        """Keep a value, and let go of what is too old or too much."""
        self._entries[key] = (now_s, value)
        self._order.append((now_s, key))
        while self._order and (self._order[0][0] + self._keep_s <= now_s or len(self._order) > self._max_entries):
            self._drop_oldest()

    def forget(self, key: Hashable) -> None:
        """Let go of a key, such as that of an event which turned out not to be durable."""
        self._entries.pop(key, None)

    def _drop_oldest(self) -> None:
        try:
            put_s, key = self._order.popleft()
        except IndexError:  # another thread was quicker
            return
        entry = self._entries.get(key)
        if entry is not None and entry[0] <= put_s:  # else it was put again since
            self._entries.pop(key, None)
