"""Reigns: who was champion from which decision on, and for how long something worse was let stay.

Question answered: did a newer model that is truly worse go live, and how many decisions did it make before that was mended?
A worse spell begins when what goes live is worth less, by a margin, than what it replaces. It ends when what is live is
worth as much again, less than the margin apart: another model that is no better goes on with the same spell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policyloop.gate.entrant import Entrant


@dataclass(frozen=True, slots=True, eq=False)
class Reign:
    """A champion, and the first decision that was its own."""

    champion: Entrant | None  # None: the baseline
    since: int  # decisions before it, those of the warm start included


def longest_worse(values: Sequence[float], since: Sequence[int], *, n: int, margin: float) -> int:
    """The most decisions in a row that were made by what is worse than what it replaced; 0 when there was no such spell.

    Args:
        values: true value of each champion, in the order in which they came.
        since: decisions before each.
        n: decisions in all.
        margin: what is worse by less is not counted, in the reward unit.
    """
    longest, begun, replaced = 0, -1, 0.0
    for place in range(1, len(values)):
        is_worse = values[place] <= (replaced if begun >= 0 else values[place - 1]) - margin
        if is_worse and begun < 0:
            begun, replaced = since[place], values[place - 1]
        elif not is_worse and begun >= 0:
            longest, begun = max(longest, since[place] - begun), -1
    return max(longest, n - begun) if begun >= 0 else longest
