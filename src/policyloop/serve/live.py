"""What is live in one loop: spec, policy and its name, in one immutable piece that is exchanged as a whole.

Question answered: which spec and which policy hold for this decision? A decision reads the one reference once, so no
answer ever mixes two models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from policyloop.core.candidates import Candidates
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.ingest.checks import Checks, checks_of
from policyloop.serve.fallback import Breaker, baseline_of

BUDGET_S = 0.05  # a decision's share of the event loop; a policy that takes longer most of the time is left alone


class Served(Protocol):
    """A policy as a decision asks it: plain lists, since NumPy costs more than it saves for a handful of actions."""

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: Candidates | None = None) -> list[float]:
        """k probabilities in the offered order, summing to 1; 0 for actions not allowed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """Immutable, but for the breaker's counts."""

    checks: Checks
    all_allowed: tuple[bool, ...]  # True per label; empty where the caller brings the actions along
    baseline: Served  # stands in whenever no model can decide
    policy: Served
    name: str  # the model's digest, or `baseline`
    breaker: Breaker

    @property
    def spec(self) -> LoopSpec:
        """The loop's spec."""
        return self.checks.spec

    @property
    def is_baseline(self) -> bool:
        """Whether no model decides: none is live yet, or the loop is paused."""
        return self.name == BASELINE


def live_of(
    spec: LoopSpec, *, salt: bytes, policy: Served | None = None, name: str = BASELINE, budget_s: float = BUDGET_S
) -> Live:
    """Compile what is to be live; takes milliseconds, so not on the event loop.

    Args:
        policy: the loaded model; None: the baseline decides.
        name: the model's digest.
        budget_s: seconds that the policy may take, before most calls over it open the breaker.
    """
    assert (policy is None) == (name == BASELINE), "a model has a name of its own"
    baseline = baseline_of(spec)
    return Live(
        checks=checks_of(spec, salt=salt),
        all_allowed=(True,) * len(spec.labels),
        baseline=baseline,
        policy=baseline if policy is None else policy,
        name=name,
        breaker=Breaker(budget_s=budget_s),
    )
