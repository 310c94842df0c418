"""Keys as they are pressed, without Enter: arrows by name, other keys as the letter they are."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager

_ESCAPE = "\x1b"
_ARROWS = {"A": "up", "B": "down", "C": "right", "D": "left"}
_REST_WITHIN_S = 0.05  # what follows an escape comes at once, or the key was Escape itself


class Keys:
    """The keys of one terminal."""

    def __init__(self, terminal: int) -> None:
        self._terminal = terminal

    def next(self, timeout_s: float | None) -> str | None:
        """The next key, or None when none came in time. `timeout_s` None waits for ever."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        first = self._one(deadline_s)
        if first != _ESCAPE:
            return first
        second = self._one(time.monotonic() + _REST_WITHIN_S)
        if second not in ("[", "O"):
            return "escape"
        return _ARROWS.get(self._one(time.monotonic() + _REST_WITHIN_S) or "", "escape")

    def _one(self, deadline_s: float | None) -> str | None:
        left_s = None if deadline_s is None else max(deadline_s - time.monotonic(), 0.0)
        ready, _, _ = select.select([self._terminal], [], [], left_s)
        if not ready:
            return None
        read = os.read(self._terminal, 1)
        return read.decode("latin-1") if read else "q"  # nobody is at the other end any more


@contextmanager
def raw_keys(terminal: int) -> Iterator[Keys]:
    """Read keys for the length of the block; Ctrl-C still interrupts."""
    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield Keys(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
