"""Belief: may an estimate be believed? One answer made of what the weights and the contributions look like.

Question answered: yes, with care, or not at all, and why? What is refused is refused whatever the estimate says: the log
has not seen enough of what the policy would do. The gate asks for more before it promotes anything.
Source: how often a normal interval covers, by the skewness of what is averaged: Hall 1992, section 2.6 (Edgeworth); its
bounds were checked by simulation, in tests/evaluate/test_belief.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from policyloop.evaluate.overlap import Overlap

FEWEST = 30  # effective examples, below which nothing is said
FEW = 200
MUCH_BY_ONE = 0.5  # share of the squared weight of one example, above which nothing is said
SOME_BY_ONE = 0.1
MUCH_UNSUPPORTED = 0.05  # share of the target's probability on actions that the log never takes
SOME_UNSUPPORTED = 0.001
FAR_OFF, OFF = 5.0, 3.0  # standard errors that the mean weight is from 1
ROUNDED = 0.005  # the mean weight may be off by so much for propensities that were written with few digits
LOPSIDED, VERY_LOPSIDED = 0.2, 0.5  # skewness over the root of n
_LOSS = 23.0  # points of coverage that a 95 % interval loses by the square of that, Edgeworth to first order


class Answer(StrEnum):
    """May this estimate be believed?"""

    YES = "yes"
    WITH_CARE = "with care"
    REFUSE = "REFUSE"


@dataclass(frozen=True, slots=True)
class Belief:
    """The answer with its reasons, one sentence each; the strictest first. Without a reason it is yes."""

    answer: Answer
    reasons: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The reasons in one line."""
        return " ".join(self.reasons) or "The log has seen enough of what the policy would do."


def belief_of(overlap: Overlap, *, lopsidedness: float = 0.0) -> Belief:
    """The answer for estimates from these weights.

    Args:
        overlap: of the log and the policy.
        lopsidedness: skewness of the contributions over the root of their number.
    """
    if overlap.n == 0:
        return Belief(Answer.REFUSE, ("There is no example.",))
    if overlap.ess == 0:
        told = "The log never took an action that the policy would take, so nothing is known of it."
        return Belief(Answer.REFUSE, (told,))
    found = [*_support(overlap), *_size(overlap), *_sum(overlap), *_shape(lopsidedness)]
    refused = [told for is_refused, told in found if is_refused]
    others = [told for is_refused, told in found if not is_refused]
    answer = Answer.REFUSE if refused else Answer.WITH_CARE if others else Answer.YES
    return Belief(answer, (*refused, *others))


Found = list[tuple[bool, str]]  # whether it refuses, and the sentence


def _support(overlap: Overlap) -> Found:
    share = overlap.unsupported
    if math.isnan(share) or share <= SOME_UNSUPPORTED:
        return []
    told = (
        f"{share:.1%} of what the policy would do are actions that the log gave the probability 0: no example speaks for them."
    )
    return [(share > MUCH_UNSUPPORTED, told)]


def _size(overlap: Overlap) -> Found:
    found: Found = []
    if overlap.ess < FEW:
        is_refused = overlap.ess < FEWEST
        wanted = f"at least {FEWEST}" if is_refused else f"better {FEW}"
        told = f"{overlap.n:,} examples are worth no more than {overlap.ess:,.0f} of equal weight; {wanted} are needed."
        found.append((is_refused, told))
    if overlap.largest_share > SOME_BY_ONE:
        told = f"One example carries {overlap.largest_share:.0%} of the squared weight: all hangs on it."
        found.append((overlap.largest_share > MUCH_BY_ONE, told))
    return found


def _sum(overlap: Overlap) -> Found:
    z = overlap.mean_weight_z
    if abs(z) <= OFF or abs(overlap.mean_weight - 1) <= ROUNDED:
        return []
    why = "the log does not reach what the policy would do" if z < 0 else "propensities are smaller than the true chances"
    off = f"{abs(z):.1f} standard errors off" if math.isfinite(z) else "beyond any doubt off"
    told = f"The mean weight is {overlap.mean_weight:.3g}, which should be 1 ({off}): {why}, or they are not those of this log."
    return [(abs(z) > FAR_OFF, told)]


def _shape(lopsidedness: float) -> Found:
    size = abs(lopsidedness)
    if size <= LOPSIDED:
        return []
    covers = max(95 - _LOSS * size**2, 0.0)
    some = f"covers about {covers:.0f} % instead" if size <= VERY_LOPSIDED else "covers far less than that"
    told = (
        f"Few examples carry the estimate (rare rewards or heavy weights, skewness {size:.2f} of the root of n), so its 95 % "
        f"interval {some}; `empirical-bernstein` holds whatever the shape."
    )
    return [(False, told)]
