"""What is live in one loop: spec, policy and its name, in one immutable piece that is exchanged as a whole.

Question answered: which spec and which policy hold for this decision? A decision reads the one reference once, so no
answer ever mixes two models.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self, cast

from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.ingest.checks import Checks, checks_of
from policyloop.serve.box import Box, IsWithin, NoLabels, box_of, is_within_of
from policyloop.serve.fallback import Breaker, baseline_of
from policyloop.serve.served import Served
from policyloop.serve.traffic import Traffic

BUDGET_S = 0.05  # a decision's share of the event loop; a policy that takes longer most of the time is left alone


@dataclass(frozen=True, slots=True, eq=False)
class Live:
    """Immutable, but for the breaker's counts."""

    checks: Checks
    all_allowed: tuple[bool, ...]  # True per label; empty where the caller brings the actions along
    baseline: Served  # stands in whenever no model can decide
    baseline_pmf: tuple[float, ...]  # what it gives where all labels are allowed: it looks at no context
    policy: Served  # of loops whose actions are numbers, a policy over these
    name: str  # the model's digest, or `baseline`
    breaker: Breaker
    traffic: Traffic | None = None  # who may decide beside the model; None: nobody
    box: Box | None = None  # of loops whose actions are numbers
    is_within: IsWithin | None = None  # whether the model has learned from states such as this one; None: it does not tell

    @property
    def spec(self) -> LoopSpec:
        """The loop's spec."""
        return self.checks.spec

    @property
    def models(self) -> tuple[str, ...]:
        """Digests of the models that are asked, the champion's first."""
        challenger = None if self.traffic is None else self.traffic.challenger
        asked = (self.name, *(() if challenger is None else (challenger.name,)))
        return tuple(name for name in asked if name != BASELINE)

    @property
    def is_baseline(self) -> bool:
        """Whether no model decides: none is live yet, or the loop is paused."""
        return self.name == BASELINE

    def with_model(self, policy: Any, name: str) -> Self:
        """The same with a model in the baseline's place.

        Args:
            policy: over labels, or of loops whose actions are numbers over these.
            name: the model's digest.
        """
        return replace(self, policy=policy, name=name, is_within=is_within_of(policy))


def live_of(
    spec: LoopSpec,
    *,
    salt: bytes,
    policy: Any = None,
    name: str = BASELINE,
    budget_s: float = BUDGET_S,
    traffic: Traffic | None = None,
) -> Live:
    """Compile what is to be live; takes milliseconds, so not on the event loop.

    Args:
        policy: the loaded model, over labels or over numbers as the spec has them; None: the baseline decides.
        name: the model's digest.
        budget_s: seconds that the policy may take, before most calls over it open the breaker.
        traffic: who may decide beside the model; only with one.
    """
    assert (policy is None) == (name == BASELINE), "a model has a name of its own"
    box = box_of(spec)
    baseline = baseline_of(spec) if box is None else cast(Served, NoLabels())
    all_allowed = (True,) * len(spec.labels)
    live = Live(
        checks=checks_of(spec, salt=salt),
        all_allowed=all_allowed,
        baseline=baseline,
        baseline_pmf=tuple(baseline.pmf({}, all_allowed)) if all_allowed else (),
        policy=baseline,
        name=BASELINE,
        breaker=Breaker(budget_s=budget_s),
        traffic=traffic,
        box=box,
    )
    return live if policy is None else live.with_model(policy, name)
