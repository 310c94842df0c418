"""Play by hand: a person acts, and what they do is logged as the steps of an episode.

Question answered: what did this person do, and what came of it? A person's chance of an action is unknown and is logged as
that. Whoever leaves in the middle leaves an episode that was truncated: the record stops, the game would have gone on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import Clock
from policyloop.core.wire import TrackedDecision
from policyloop.ingest.checks import Checks
from policyloop.ingest.imported import imported_decision
from policyloop.simulate.drivers import Append, Report, hear
from policyloop.simulate.environment import Environment, Moved, Single

# Sees the state and the return so far; gives the place of a label, or None to leave.
Ask = Callable[[NDArray[Any], float], int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class HandPlayed:
    """One episode."""

    episode_id: str
    n_steps: int
    earned: float
    is_over: bool  # the episode ended; False: the person left


class Table:
    """A person at an environment whose actions are labels."""

    def __init__(self, environment: Environment, checks: Checks, *, append: Append, clock: Clock) -> None:
        self._environment, self._checks = environment, checks
        self._append, self._clock = append, clock

    def play(self, episode_id: str, ask: Ask, *, rng: np.random.Generator) -> HandPlayed:
        """One episode, from its start to its end or until the person leaves."""
        one = Single(self._environment, rng=rng)
        earned, decision_id = 0.0, ""
        while (action := ask(one.state, earned)) is not None:
            decision_id = self._decide(one, action, episode_id)
            moved = one.move(action)
            earned += float(moved.reward[0])
            is_over = bool(moved.terminated[0] or moved.truncated[0])
            self._report(decision_id, moved, one.context if is_over else None)
            if is_over:
                return HandPlayed(episode_id=episode_id, n_steps=one.n_steps, earned=earned, is_over=True)
        if decision_id:
            end = Report(
                decision_id=decision_id,
                outcome_id=f"{decision_id}-left",
                final=True,
                outcomes={},
                truncated=True,
                next_context=one.context,
            )
            hear([end], self._checks, append=self._append, clock=self._clock)
        return HandPlayed(episode_id=episode_id, n_steps=one.n_steps, earned=earned, is_over=False)

    def _decide(self, one: Single, action: int, episode_id: str) -> str:
        row = TrackedDecision(
            loop=self._checks.spec.loop,
            context=one.context,
            action=action,
            decision_id=f"{episode_id}-{one.n_steps}",
            propensity_kind="unknown",
            policy="human",
            action_source="human",
            episode_id=episode_id,
            step=one.n_steps,
        )
        event, _ = imported_decision(row, self._checks, received_at=self._clock.now_us())
        self._append(event)
        return event.decision_id

    def _report(self, decision_id: str, moved: Moved, last: dict[str, Any] | None) -> None:
        report = Report(
            decision_id=decision_id,
            outcome_id=f"{decision_id}-seen",
            final=True,
            outcomes={name: values.tolist()[0] for name, values in moved.outcomes.items()},
            terminated=True if moved.terminated[0] else None,
            truncated=True if moved.truncated[0] else None,
            next_context=last,
        )
        hear([report], self._checks, append=self._append, clock=self._clock)
