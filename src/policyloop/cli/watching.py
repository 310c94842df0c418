"""The stages of a demo on a screen: what goes on, the command that does the same, and a bar for each."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


class Watching:
    """A `Watch` of run/demo/watched.py on stderr. Use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        columns = (TextColumn("  "), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console)
        self._task: TaskID | None = None

    def stage(self, what: str, command: str, total: int) -> None:
        """See `Watch`."""
        self._console.print(f"[bold]{what}[/bold]")
        if command:
            self._console.print(f"  $ {command}", style="dim", markup=False)
        self._task = self._progress.add_task("", total=total)

    def advance(self, n: int) -> None:
        """See `Watch`."""
        assert self._task is not None, "a stage goes before its steps"
        self._progress.advance(self._task, n)

    def say(self, sentence: str) -> None:
        """See `Watch`; the bar of the stage goes."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = None
        self._console.print(f"  {sentence}\n", markup=False)

    def __enter__(self) -> Watching:
        self._progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._progress.stop()
