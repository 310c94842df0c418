"""A cause: one reason why a loop does not learn as it could; a diagnosis: all that were found, the gravest first.

Question answered: is this loop well, and if not, what is wrong, how much does it touch, and what is to be done?
A loop that is only young is well: what it waits for is a note, no cause.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from policyloop.core.clock import TimeUs

# stops: nothing is learned, or nothing may go live, until it is mended. misleads: what is learned or judged by is not what
# really happened. slows: it learns, and needs more decisions than it would.
Severity = Literal["stops", "misleads", "slows"]
_GRAVEST_FIRST: tuple[Severity, ...] = ("stops", "misleads", "slows")


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """One reason, with the numbers that it rests on."""

    name: str
    severity: Severity
    sentence: str  # what is seen
    advice: str  # what to do
    share: float = 1.0  # of what came in lately, that is touched by it, in [0, 1]
    numbers: dict[str, float | None] = {}  # None: not known or infinite


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """One loop at one look."""

    loop: str
    at: TimeUs
    causes: tuple[Cause, ...]  # the gravest first
    notes: tuple[str, ...]  # worth knowing, and nothing wrong: what a young loop waits for, for example
    n_decisions: int
    n_examples: int
    learns_from: Literal["example", "transition"] = "example"  # what decisions become
    needs: int | None  # about so many more decisions before it can go on; None: it waits for none, or for something else

    @property
    def is_healthy(self) -> bool:
        """Whether no cause was found."""
        return not self.causes

    @property
    def sentence(self) -> str:
        """All of it in one line."""
        if self.causes:
            n = len(self.causes)
            return f"Loop '{self.loop}' is not well: {n} cause{'' if n == 1 else 's'} found, the gravest first."
        if self.n_decisions == 0:
            return f"Loop '{self.loop}' is healthy: it was not asked for a decision yet."
        if self.needs:
            return f"Loop '{self.loop}' is healthy, and young: it needs about {self.needs:,} more decisions."
        return f"Loop '{self.loop}' is healthy: {self.n_decisions:,} decisions, {self.n_examples:,} {self.learns_from}s."


def ranked(causes: list[Cause]) -> tuple[Cause, ...]:
    """The gravest first: by what they do to the loop, then by how much of what came in they touch."""
    return tuple(sorted(causes, key=lambda cause: (_GRAVEST_FIRST.index(cause.severity), -cause.share, cause.name)))
