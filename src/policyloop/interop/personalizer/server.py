"""What this protocol needs of the server that mounts it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policyloop.core.clock import Clock
from policyloop.core.endpoint import Call
from policyloop.core.event import Event
from policyloop.core.loop import LoopSpec
from policyloop.core.wire import DecideAnswer, DecideRequest
from policyloop.interop.kept import Kept
from policyloop.registry.registry import Registry
from policyloop.serve.decider import Acting, Decided, Decider


class Taken(Protocol):
    """What became of some events."""

    @property
    def n_new(self) -> int:
        """Those that had not been taken before."""
        ...

    @property
    def n_duplicates(self) -> int:
        """The others."""
        ...


class Intake(Protocol):
    """The way of reports into the log."""

    async def take(self, events: Sequence[Event]) -> Taken:
        """Append those that are new, and return when all are durable."""
        ...


class Numbers(Protocol):
    """The counters of the process."""

    def decided(self, loop: str, answer: DecideAnswer) -> None:
        """Count a decision."""
        ...

    def reported(self, loop: str, *, n_accepted: int, n_duplicates: int, n_warnings: int) -> None:
        """Count reports."""
        ...


class Imitation(Protocol):
    """How well an apprentice did for some time."""

    @property
    def n_events(self) -> int:
        """Settled decisions that it watched."""
        ...

    @property
    def n_imitated(self) -> int:
        """Of these, where it would have done the same."""
        ...

    @property
    def rewards(self) -> float:
        """What all of them earned."""
        ...

    @property
    def imitated_rewards(self) -> float:
        """What those earned where it would have done the same."""
        ...

    @property
    def last_at(self) -> int:
        """When the last one was decided, microseconds since 1970 UTC."""
        ...


class Upkeep(Protocol):
    """What takes longer and concerns a whole loop."""

    def apply(self, spec: LoopSpec) -> object:
        """Make a spec hold, if its plug-ins take their settings."""
        ...

    def log_dates(self, loop: str) -> tuple[int, int] | None:
        """When the first and the last decision in the tables were made, microseconds; None when there is none."""
        ...

    def imitation(self, loop: str, *, since: int) -> Sequence[Imitation]:
        """How well an apprentice has done since a moment, hour by hour, oldest first."""
        ...

    def is_known(self, loop: str, decision_id: str) -> bool:
        """Whether a decision of that id is in the tables or in the log."""
        ...

    def clear_events(self, loop: str) -> None:
        """Have everything taken out that was received so far: events and examples."""
        ...

    def evaluate(self, loop: str) -> str:
        """Have pending evaluations computed; answers the name of the job."""
        ...


class Server(Protocol):
    """The parts of one server process."""

    clock: Clock
    registry: Registry
    kept: Kept

    @property
    def intake(self) -> Intake:
        """The way of reports into the log."""
        ...

    @property
    def numbers(self) -> Numbers:
        """The counters."""
        ...

    @property
    def upkeep(self) -> Upkeep:
        """What takes longer."""
        ...

    def decider(self, call: Call) -> Decider:
        """The decider of the loop that the path names; the call notes the loop's own name."""
        ...

    async def decide(self, decider: Decider, request: DecideRequest, *, acting: Acting) -> Decided:
        """Decide, and return when the decision is durable."""
        ...
