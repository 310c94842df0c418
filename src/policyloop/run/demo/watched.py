"""Watched: the stages of a demo as whoever runs it sees them, each with the command that does the same by hand.

Question answered: how far is it, and how would I do this myself?
"""

from __future__ import annotations

from typing import Protocol

from policyloop.core.policy import Tensors
from policyloop.learn.offline import Checkpoint, OnCheckpoint


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


def watched(watch: Watch) -> OnCheckpoint:
    """Lets a stage advance as a training run does, whose total is its updates."""
    done = 0

    def told(checkpoint: Checkpoint, state: Tensors) -> None:
        nonlocal done
        watch.advance(checkpoint.n_updates - done)
        done = checkpoint.n_updates

    return told
