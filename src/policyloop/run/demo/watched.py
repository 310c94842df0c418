"""Watched: the stages of a demo as whoever runs it sees them, each with the command that does the same by hand."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """Is told what goes on. Every stage begins, advances to its total, and is followed by what came of it."""

    def stage(self, what: str, command: str, total: int) -> None:
        """A stage begins.

        Args:
            what: it is, in words.
            command: that a person would type for it.
            total: how far it goes.
        """
        ...

    def advance(self, n: int) -> None:
        """So much further."""
        ...

    def say(self, sentence: str) -> None:
        """What came of the stage."""
        ...
