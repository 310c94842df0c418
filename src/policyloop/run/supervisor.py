"""The supervisor of `policyloop up`: starts the server and work processes, starts them again when they die, ends them together.

Children are started by exec. They hold the reading end of a pipe whose writing end dies with the supervisor, so that
none outlives it, however it ends. SIGTERM and SIGINT drain: exit 0 once every child has answered what it began.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Tell = Callable[[str], None]

DRAIN_S = 30.0
_LOOK_EVERY_S = 0.1
_CALM_AFTER_S = 10.0  # a child that lived so long starts again at once
_MAX_BACKOFF_S = 10.0
_CLEAN = (0, -signal.SIGTERM)  # the latter: ended before it had begun to serve, and so to listen for signals


@dataclass(slots=True)
class _Child:
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    backoff_s: float = 0.1

    def start(self, pipe: int) -> None:
        self.started_s = time.monotonic()
        self.process = subprocess.Popen(self.command, stdin=pipe)  # noqa: S603 - our own command, no shell

    def start_again_if_dead(self, pipe: int, tell: Tell) -> None:
        assert self.process is not None
        code = self.process.poll()
        now_s = time.monotonic()
        if code is None or now_s < self.started_s + self.backoff_s:
            return
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        tell(f"a process {how} and is started again: {' '.join(self.command[1:])}")
        lived_long = now_s - self.started_s > _CALM_AFTER_S
        self.backoff_s = 0.1 if lived_long else min(2 * self.backoff_s, _MAX_BACKOFF_S)
        self.start(pipe)


def supervise(commands: Sequence[Sequence[str]], *, tell: Tell) -> int:
    """Run the commands until SIGTERM or SIGINT; answers the exit code, 0 when every child drained cleanly.

    Args:
        commands: one a child.
        tell: takes a sentence about each child that died.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    reading, writing = os.pipe()
    children = [_Child(command) for command in commands]
    for child in children:
        child.start(reading)
    while not stopping.wait(_LOOK_EVERY_S):
        for child in children:
            child.start_again_if_dead(reading, tell)
    codes = _drain([c.process for c in children if c.process is not None])
    os.close(writing)
    os.close(reading)
    return 0 if all(code in _CLEAN for code in codes) else 1


def stop_with_supervisor() -> None:
    """In a child: end as by SIGTERM when the process that holds the other end of standard input is gone."""

    def watch() -> None:
        os.read(0, 1)  # nothing is ever written: this returns when the other end is closed
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _drain(processes: Sequence[subprocess.Popen[bytes]]) -> list[int]:
    for process in processes:
        if process.poll() is None:
            process.terminate()
    deadline_s = time.monotonic() + DRAIN_S
    codes = []
    for process in processes:
        try:
            codes.append(process.wait(max(0.1, deadline_s - time.monotonic())))
        except subprocess.TimeoutExpired:
            process.kill()
            codes.append(process.wait())
    return codes
