"""Gaussian: the action that is wanted, and now and then one near it; for actions that are numbers.

Question answered: how is the neighbourhood of a policy tried without ever going far? Each number is drawn from a bell around
the wanted one, cut off at the limits, so the propensity that is logged is the density that it was drawn from.
Letters: a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policyloop.core.density import Density
from policyloop.core.errors import BadSetting
from policyloop.policy.wanted import Wanted, bell, likeliest


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A bell of one width around the wanted action."""

    scale: float  # standard deviation, as a share of half the box's width

    def density(self, wanted: Wanted, low: Sequence[float], high: Sequence[float]) -> Density:
        """Between the limits (a,) that hold for this decision."""
        return bell(wanted, [self.scale * half for half in wanted.half], low, high)

    def pmfs(self, wanted: Wanted) -> list[list[float]]:
        """The likeliest label of each part beside the numbers; only the floor tries another."""
        return likeliest(wanted)


def create_box(*, scale: float = 0.1) -> Gaussian:
    """The explorer of one model.

    Args:
        scale: above 0, standard deviation as a share of half the box's width: 0.1 is 0.1 in a box from -1 to 1.

    Raises:
        BadSetting: scale is not in (0, 10].
    """
    if not 0 < scale <= 10:
        raise BadSetting(f"explore.scale is {scale}; expected a number above 0, at most 10: a share of half the box's width.")
    return Gaussian(scale)
