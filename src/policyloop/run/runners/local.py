"""On this machine: a fresh child process per job, started by exec, never by fork.

What the child prints is kept for the job's message when it fails. A child that outlives its time is killed, and one
that outlives its worker ends itself: its standard input is a pipe that the worker holds open.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import IO, TypeVar

P = TypeVar("P")
R = TypeVar("R")

_LAST_WORDS_BYTES = 2_000


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended."""

    is_ok: bool
    message: str  # empty when it went well; else why, with the child's last words


class Running:
    """A child at work."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes], *, until_s: float) -> None:
        self._process = process
        self._output = output
        self._until_s = until_s

    def poll(self, now_s: float) -> Ended | None:
        """How it ended, or None while it works. `now_s` is on the clock that `start` was given."""
        code = self._process.poll()
        if code is None and now_s < self._until_s:
            return None
        if code is None:
            self._kill()
            return Ended(False, f"took longer than its max_runtime and was stopped. {self._last_words()}".strip())
        if code == 0:
            self._close()
            return Ended(True, "")
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Ended(False, f"{how}. {self._last_words()}".strip())

    def stop(self) -> None:
        """Kill the child and wait for its end. What it had not committed is as if it never was."""
        self._kill()
        self._close()

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _close(self) -> None:
        self._output.close()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _last_words(self) -> str:
        self._output.seek(0, 2)
        self._output.seek(max(0, self._output.tell() - _LAST_WORDS_BYTES))
        words = self._output.read().decode(errors="replace").strip()
        self._close()
        return words


class LocalRunner:
    """Starts children of this process."""

    def start(self, module: str, arguments: Sequence[str], *, now_s: float, max_runtime_s: float) -> Running:
        """Run `python -m MODULE ARGUMENTS...` in a child of its own."""
        output = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the child
        process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        return Running(process, output, until_s=now_s + max_runtime_s)

    def each(self, function: Callable[[P], R], parts: Sequence[P], *, n_workers: int) -> Iterator[R]:
        """What a pure function gives for each part, in their order, computed in so many processes.

        Args:
            function: of a module, so that a fresh process finds it by its name.
            parts: plain values.
            n_workers: 1: in this process.
        """
        if n_workers == 1:
            yield from map(function, parts)
            return
        with ProcessPoolExecutor(min(n_workers, len(parts)), mp_context=get_context("spawn")) as pool:
            yield from pool.map(function, parts)


def create() -> LocalRunner:
    """A runner for this machine."""
    return LocalRunner()
