"""The side child: joins, looks at live models and upkeep, in a process beside the worker, where a bad query ends only itself.

Question answered: how does the worker have something computed without risking itself? One child, started by spawn and
started again when it dies. It opens the deployment once.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import TypeVar

from policyloop.core.settings import Home
from policyloop.join.hour_states import Brought
from policyloop.join.hours import join_loop
from policyloop.lake import maintain
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.looks import Looked, look

T = TypeVar("T")


class SideChild:
    """The child, as the worker sees it. What a call raises there is raised here; after a death the next call has a new one."""

    def __init__(self, home: Home) -> None:
        self._home = str(home.path)
        self._pool = _new_pool()

    def join(self, loop: str) -> Brought:
        """Bring a loop's examples, or its episodes, up to date with the watermark.

        Raises:
            BrokenProcessPool: the child died of it.
        """
        return self._ask(_join, loop)

    def look(self, loop: str) -> list[Looked]:
        """Look again at the loop's log, live model, line and challenge; answers what was done.

        Raises:
            BrokenProcessPool: the child died of it.
        """
        return self._ask(_look, loop)

    def maintain(self) -> None:
        """Merge small table files and remove those that no one can read any more.

        Raises:
            BrokenProcessPool: the child died of it.
        """
        self._ask(_maintain)

    def close(self) -> None:
        """Let the child finish what it does, and end."""
        self._pool.shutdown()

    def _ask(self, function: Callable[..., T], *arguments: str) -> T:
        try:
            return self._pool.submit(function, self._home, *arguments).result()
        except BrokenProcessPool:
            self._pool.shutdown()
            self._pool = _new_pool()
            raise


def _new_pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"), initializer=_leave_signals_to_the_worker)


def _leave_signals_to_the_worker() -> None:
    """Ctrl-C reaches the whole group of processes, but what the child has begun is finished first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@cache
def _deployment(home: str) -> Deployment:
    """The deployment, opened by the first call and closed by the end of the process."""
    return ExitStack().enter_context(open_deployment(Home(Path(home))))


def _join(home: str, loop: str) -> Brought:
    deployment = _deployment(home)
    return join_loop(deployment.lake, deployment.records, deployment.registry.standing(loop).spec)


def _look(home: str, loop: str) -> list[Looked]:
    return look(_deployment(home), loop)


def _maintain(home: str) -> None:
    deployment = _deployment(home)
    maintain.compact(deployment.lake)
    standings = deployment.registry.standings().values()
    pinned = [deployment.registry.load(s.spec.loop, m).manifest.snapshot for s in standings for m in _kept(s)]
    maintain.clean(deployment.lake, keep=pinned)


def _kept(standing: Standing) -> set[str]:
    """The models whose data stays readable, however old."""
    return {m for m in (standing.row.champion, standing.row.previous, standing.row.anchor) if m is not None}
