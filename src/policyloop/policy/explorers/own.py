"""Own: the policy's own distribution, as it learned it; for actions that are numbers.

Question answered: how is tried what the policy itself holds to be good, as often as it does? A policy that learned no
deviation always takes the wanted action, and the floor alone explores.
Source of the squashed distribution: Haarnoja et al. 2018 (arXiv:1801.01290), appendix C; here cut off at the limits.
Letters: a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policyloop.core.density import Density
from policyloop.policy.wanted import Wanted, bell, point, squashed_bell


@dataclass(frozen=True, slots=True)
class Own:
    """The distribution that was learned."""

    def density(self, wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
        """Between the limits (a,) that hold for this decision."""
        if min(wanted.deviation) <= 0.0:
            return point(wanted, low, high)
        if not wanted.is_squashed:
            return bell(wanted, wanted.deviation, low, high)
        return squashed_bell(wanted, low, high)

    def pmfs(self, wanted: Wanted) -> list[list[float]]:
        """The probabilities of labels beside the numbers, as they were learned."""
        return wanted.pmfs


def create_box() -> Own:
    """The explorer of one model."""
    return Own()
