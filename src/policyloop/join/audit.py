"""The audit: what became of every decision and outcome of a loop, in numbers that must add up.

Question answered: how much was joined, what came late, twice or in contradiction, and what found no decision?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any

import msgspec


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of one hour, or of several added up.

    decisions = joined + unrewarded + waiting + not_activated + unusable.
    """

    decisions: int = 0  # each once
    joined: int = 0  # examples with an outcome in the reward
    unrewarded: int = 0  # examples whose reward is the default: nothing happened in the window
    waiting: int = 0  # the window is not over, or the watermark has not passed its end
    not_activated: int = 0  # deferred, and never activated: no example
    unusable: int = 0  # what was carried out instead cannot be read: no example
    outcomes: int = 0  # each once a name, those without a decision too
    arrived_late: int = 0  # outcomes that corrected an example
    happened_late: int = 0  # outcomes outside the window: stored, not in the reward
    undeclared: int = 0  # outcomes with a name that the spec does not know
    duplicate: int = 0  # further records of decisions and outcomes, equal or not
    conflict: int = 0  # decisions whose records differ in pmf, context or actions: out of learning and evidence
    outcome_conflict: int = 0  # outcomes whose records differ in value: the first received counts
    clipped: int = 0  # examples whose computed reward was outside the range
    executed: int = 0  # examples where another action than the chosen was carried out
    unplaced: int = 0  # outcomes whose decision may still come
    orphan: int = 0  # outcomes whose decision will not come: everything received before them is in the tables
    chosen_by_action: tuple[int, ...] = ()  # examples by the index of the action that was chosen
    instead_by_action: tuple[int, ...] = ()  # of these, where another action was carried out

    @property
    def examples(self) -> int:
        """Decisions that are settled."""
        return self.joined + self.unrewarded

    @property
    def join_rate(self) -> float:
        """Share of examples with an outcome, in [0, 1]; NaN when there are none."""
        return self.joined / self.examples if self.examples else float("nan")


def added(audits: Iterable[Audit]) -> Audit:
    """The sum, count by count."""
    rows = [msgspec.structs.astuple(audit) for audit in audits]
    sums = [_sum(column) for column in zip(*rows, strict=True)]
    return Audit(**dict(zip(Audit.__struct_fields__, sums, strict=False)))


def less(audit: Audit, earlier: Audit) -> Audit:
    """What has been counted since an earlier audit of the same hours; what a correction has taken away since counts as 0."""
    pairs = zip(msgspec.structs.astuple(audit), msgspec.structs.astuple(earlier), strict=True)
    return Audit(**dict(zip(Audit.__struct_fields__, [_rest(now, then) for now, then in pairs], strict=True)))


def _rest(now: Any, then: Any) -> Any:
    """The difference of two counts, or of tuples of counts place by place; never below 0."""
    if isinstance(now, int):
        return max(now - then, 0)
    return tuple(max(a - b, 0) for a, b in zip_longest(now, then, fillvalue=0))


def _sum(column: Sequence[Any]) -> Any:
    """The sum of counts, or of tuples of counts place by place."""
    if isinstance(column[0], int):
        return sum(column)
    return tuple(sum(place) for place in zip_longest(*column, fillvalue=0))
