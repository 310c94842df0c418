"""The JSON log on stderr: one line per request and per thing that the process has to say. Never a context value.

Question answered: who asked what when, what was answered, and which decisions was it about?
Lines are handed to a thread ten times a second, so that a slow reader of stderr slows no request down; when it
cannot keep up, lines are dropped and counted rather than kept without end. Of an unexpected exception the log has the
type and the lines of code; its message, which may quote what a caller sent, only at level `debug`.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress

import msgspec

from policyloop.core.clock import US_PER_S, Clock, iso

LEVELS = ("debug", "info", "warning", "error")
_FLUSH_S = 0.1
_MAX_PENDING_BYTES = 8 * 2**20
_encode = msgspec.json.Encoder().encode


class LogLines:
    """Lines on their way to a file descriptor. Threads may share it."""

    def __init__(self, fd: int, *, clock: Clock, worker: str, level: str = "info") -> None:
        self._fd = fd
        self._clock = clock
        self._worker = worker
        self._told = frozenset(LEVELS[LEVELS.index(level) :])
        self._lines: list[bytes] = []
        self._pending_bytes = 0
        self._n_dropped = 0
        self._second, self._second_text = -1, ""  # the last second that was written out
        self._guard = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-lines", daemon=True)
        self._thread.start()

    def is_told(self, level: str) -> bool:
        """Whether lines of that level are written."""
        return level in self._told

    def tell_request(self, level: str, head: str, took_s: float, status: int, about: str) -> None:
        """Write the line of one request, put together by hand: it is written for each one, and must cost little.

        Args:
            head: JSON members that are the same for many requests, written already.
            about: more of them, each with a comma before it.
        """
        now_s, rest_us = divmod(self._clock.now_us(), US_PER_S)
        if now_s != self._second:
            self._second, self._second_text = now_s, iso(now_s * US_PER_S)[:20]  # up to and with the dot
        line = (
            f'{{"time":"{self._second_text}{rest_us:06d}Z","level":"{level}","worker":"{self._worker}","event":"request",'
            f'{head},"status":{status},"ms":{took_s * 1000:.3f}{about}}}'
        )
        self._keep(line.encode())

    def tell(self, level: str, event: str, what: Mapping[str, object]) -> None:
        """Write one line: the time, the level, the worker, what happened, and `what` about it."""
        if level not in self._told:
            return
        line = _encode({"time": iso(self._clock.now_us()), "level": level, "worker": self._worker, "event": event, **what})
        self._keep(line)

    def tell_exception(self, event: str, error: BaseException, what: Mapping[str, object]) -> None:
        """Write one line about a mistake of ours."""
        found: dict[str, object] = {"error": type(error).__name__, "traceback": traceback.format_tb(error.__traceback__)}
        if self.is_told("debug"):
            found["message"] = repr(error)
        self.tell("error", event, {**what, **found})

    def close(self) -> None:
        """Write what is left, and stop."""
        self._closing.set()
        self._thread.join(timeout=2.0)

    def _keep(self, line: bytes) -> None:
        """Hand a line over, unless too much waits already."""
        with self._guard:
            if self._pending_bytes + len(line) > _MAX_PENDING_BYTES:
                self._n_dropped += 1
                return
            self._lines.append(line)
            self._pending_bytes += len(line)

    def _run(self) -> None:
        while not self._closing.wait(_FLUSH_S):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._guard:
            lines, self._lines, self._pending_bytes = self._lines, [], 0
            n_dropped, self._n_dropped = self._n_dropped, 0
        if n_dropped:
            lines.append(_encode({"level": "warning", "worker": self._worker, "event": "lines dropped", "n": n_dropped}))
        rest = memoryview(b"\n".join([*lines, b""]))
        with suppress(OSError):  # no one reads any more: requests go on
            while rest:
                rest = rest[os.write(self._fd, rest) :]


class JsonHandler(logging.Handler):
    """Brings what libraries say through `logging` into the same log. The base class is logging's own way in."""

    def __init__(self, lines: LogLines) -> None:
        super().__init__(level=logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line for the record."""
        level = "error" if record.levelno >= logging.ERROR else "warning"
        what = {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            self._lines.tell_exception("log", record.exc_info[1], what)
        else:
            self._lines.tell(level, "log", what)
