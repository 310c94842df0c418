"""An entrant: a loaded policy with the name under which the verdict speaks of it."""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core.model import BASELINE
from policyloop.core.policy import Policy
from policyloop.evaluate.predicted import PredictsRewards


@dataclass(frozen=True, slots=True, eq=False)
class Entrant:
    """Who is judged, or judged against. The policy is over the spec's present labels, with the spec's present floor."""

    model: str  # digest, or `baseline`
    policy: Policy
    rewards: PredictsRewards | None  # what it expects of each present label; None for the baseline

    @property
    def is_baseline(self) -> bool:
        """Whether it is the baseline."""
        return self.model == BASELINE
