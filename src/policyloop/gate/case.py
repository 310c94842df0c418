"""A case: all that a rule may look at, one model beside the champion and beside the anchor.

Question answered: what do the evaluation examples say about this model?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.evaluate.compare import Comparison, compare
from policyloop.evaluate.predicted import predicted_rewards
from policyloop.gate.entrant import Entrant


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One model's evidence."""

    champion: Comparison  # against the champion; in a watch, the live model against the one before it
    anchor: Comparison | None  # against the anchor; None where that is the champion itself, and in a watch
    low: float  # smallest reward of the loop
    high: float  # largest reward
    floor: float  # of the explorer, [0, 1]
    whom: str = "the champion"  # what it is compared with, as a sentence says it

    @property
    def span(self) -> float:
        """The largest difference that two policies can have."""
        return self.high - self.low

    @property
    def estimates(self) -> dict[str, Estimate]:
        """What both would have earned, what was earned, and the paired difference."""
        found = self.champion
        return {
            "challenger": found.challenger,
            "champion": found.champion,
            "baseline": found.baseline,
            "difference": found.difference,
        }


def case_of(entrant: Entrant, *, champion: Entrant, anchor: Entrant | None, evidence: Examples, spec: LoopSpec) -> Case:
    """Compare an entrant with the champion, and with the anchor where that is another model.

    Args:
        entrant: who is judged.
        champion: who is replaced.
        anchor: the last proven model, or None.
        evidence: examples that none of them learned from.
        spec: of the loop.
    """
    predicted = predictions_of([entrant, champion], evidence=evidence, spec=spec)

    def beside(other: Entrant) -> Comparison:
        return compare(evidence, challenger=entrant.policy, champion=other.policy, predicted=predicted)

    is_apart = anchor is not None and anchor.model != champion.model
    return Case(
        champion=beside(champion),
        anchor=beside(anchor) if anchor and is_apart else None,
        low=spec.reward.low,
        high=spec.reward.high,
        floor=spec.explore.floor,
        whom="the baseline" if champion.is_baseline else "the champion",
    )


def predictions_of(entrants: list[Entrant], *, evidence: Examples, spec: LoopSpec) -> NDArray[np.float64]:
    """(n, k) expected rewards by whichever entrant errs least, of those that expect any; the baseline expects none."""
    models = [entrant.rewards for entrant in entrants if entrant.rewards is not None]
    return predicted_rewards(evidence, models, low=spec.reward.low, high=spec.reward.high)
