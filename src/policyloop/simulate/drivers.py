"""Drivers: who decides in a rollout, each writing what production would have written.

Question answered: what is done in these contexts, and which events say so? `Deciding` asks a decider, as a server does: the
record is the decision's own. `Tracking` acts by itself, as another system would, and brings the decisions in with their true
propensities. (simulate/remote.py asks a server over HTTP.)
Letters: n episodes under way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import Clock
from policyloop.core.density import Density
from policyloop.core.event import Logged
from policyloop.core.loop import ActionSpec
from policyloop.core.wire import DecideRequest, OutcomeRequest, TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.serve.decider import Decider
from policyloop.simulate.actor import POLICY, RANDOM, Acted, Actor, even_kind

Append = Callable[[Logged], object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Moment:
    """What is decided upon: the same step of n episodes."""

    state: NDArray[Any]  # (n, ...)
    contexts: Sequence[dict[str, Any]]  # the same as the loop knows it
    episodes: Sequence[str]  # ids
    step: int

    def decision_id(self, row: int) -> str:
        """The same for the same step of the same rollout, so that playing it twice counts once."""
        return f"{self.episodes[row]}-{self.step}"


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done in one of them."""

    decision_id: str
    action: int | list[float]  # place of the label, or numbers
    source: str


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a decision, and at the end of an episode which end it was, as `outcomes` takes it."""

    decision_id: str
    outcomes: dict[str, float | bool]
    outcome_id: str
    final: bool  # nothing more will come of this decision
    terminated: bool | None = None
    truncated: bool | None = None
    next_context: dict[str, Any] | None = None


class Driver(Protocol):
    """Decides, and writes down what it decided and what came of it."""

    def act(self, moment: Moment) -> list[Turn]:
        """(n,) what is done."""
        ...

    def hear(self, reports: Sequence[Report]) -> None:
        """What came of it."""
        ...


class Deciding:
    """Asks a decider, in process. What it appends goes where the decider was told; reports go to `append`."""

    def __init__(self, decider: Decider, *, append: Append, clock: Clock) -> None:
        self._decider = decider
        self._append = append
        self._clock = clock

    def act(self, moment: Moment) -> list[Turn]:
        """See `Driver`."""
        return [self._one(moment, row) for row in range(len(moment.contexts))]

    def hear(self, reports: Sequence[Report]) -> None:
        """See `Driver`."""
        hear(reports, self._decider.checks, append=self._append, clock=self._clock)

    def _one(self, moment: Moment, row: int) -> Turn:
        asked = DecideRequest(
            context=moment.contexts[row],
            decision_id=moment.decision_id(row),
            episode_id=moment.episodes[row],
            step=moment.step,
        )
        event = self._decider.decide(asked).event
        action = event.action[0] if event.action_value is None else list(event.action_value)
        return Turn(event.decision_id, action, event.action_source or POLICY)


class Tracking:
    """An actor of the environment's own, whose decisions are brought in as those of another system."""

    def __init__(
        self, actor: Actor, checks: Checks, *, name: str, append: Append, clock: Clock, rng: np.random.Generator
    ) -> None:
        self._actor, self._checks, self._name = actor, checks, name
        self._append, self._clock, self._rng = append, clock, rng

    def act(self, moment: Moment) -> list[Turn]:
        """See `Driver`."""
        n = len(moment.contexts)
        acted = self._actor.act(moment.state, np.full(n, moment.step), rng=self._rng)
        rows = tracked_rows(acted, moment, self._checks.spec.loop, self._checks.spec.actions, policy=self._name)
        for row in rows:
            event, _ = imported_decision(row, self._checks, received_at=self._clock.now_us())
            self._append(event)
        return turns(acted, moment)

    def hear(self, reports: Sequence[Report]) -> None:
        """See `Driver`."""
        hear(reports, self._checks, append=self._append, clock=self._clock)


def tracked_rows(acted: Acted, moment: Moment, loop: str, actions: ActionSpec, *, policy: str) -> list[TrackedDecision]:
    """(n,) what was done, as rows of `track` with the chance that it really had."""
    return [
        TrackedDecision(
            loop=loop,
            context=moment.contexts[row],
            decision_id=moment.decision_id(row),
            policy=policy,
            action_source=source_of(acted, row),  # type: ignore[arg-type]
            episode_id=moment.episodes[row],
            step=moment.step,
            **_chance(acted, row, actions),
        )
        for row in range(len(moment.contexts))
    ]


def turns(acted: Acted, moment: Moment) -> list[Turn]:
    """(n,) the same as what is done in the environment."""
    return [Turn(moment.decision_id(row), action, source_of(acted, row)) for row, action in enumerate(acted.action.tolist())]


def source_of(acted: Acted, row: int) -> str:
    """Who is behind a row."""
    return RANDOM if acted.is_random[row] else acted.source


def hear(reports: Sequence[Report], checks: Checks, *, append: Append, clock: Clock) -> None:
    """Write reports down, as a server does that is sent them."""
    for report in reports:
        request = OutcomeRequest(**{name: getattr(report, name) for name in report.__struct_fields__})
        append(outcome(request, checks, received_at=clock.now_us()).event)


def _chance(acted: Acted, row: int, actions: ActionSpec) -> dict[str, Any]:
    """The action of a row, and what it was drawn from."""
    kind = even_kind(actions) if acted.is_random[row] else acted.kind
    if not actions.box:
        pmf = None if acted.pmf is None else acted.pmf[row].tolist()
        return {"action": int(acted.action[row]), "pmf": pmf, "propensity_kind": kind}
    values = [float(value) for value in acted.action[row]]
    if not acted.is_random[row]:
        return {"values": values, "propensity": float(acted.propensity[row]), "propensity_kind": kind}
    low, high = [part.low for part in actions.box], [part.high for part in actions.box]
    density = Density(family="uniform", low=low, high=high)
    return {"values": values, "density": density.to_json(), "propensity_kind": kind}
