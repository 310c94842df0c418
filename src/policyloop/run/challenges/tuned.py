"""What a search for a better recipe found, in numbers and in words.

Question answered: is there a recipe to challenge with, how much more would it have earned, and how sure is that?
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policyloop.core.estimate import Estimate
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import to_mapping
from policyloop.learn.tune import Attempt, Searched, learned

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """How much more a recipe would have earned than another policy, on held-out examples."""

    value: float
    low: float  # the interval holds for all finalists together
    high: float
    stderr: float

    def told(self) -> str:
        """`+0.0507, 95 % sure between +0.0063 and +0.0951`."""
        return f"{self.value:+.4f}, {100 * LEVEL:g} % sure between {self.low:+.4f} and {self.high:+.4f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """One of the best recipes of the search, on data that the search never saw."""

    attempt: Attempt
    value: Estimate
    over_present: Lead
    over_champion: Lead | None  # None while the baseline decides


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorChange:
    """Another floor, which needs no challenge: a loop's floor may be changed at once."""

    floor: float
    lead: Lead  # of the winner, or else of the loop's own recipe, with that floor over the same with the loop's floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What a search found."""

    spec: LoopSpec
    searched: Searched
    importance: Mapping[str, float]  # of each field, the most important first: how far errors rise without it
    n_searched: int  # examples that the search looked at
    n_below_split: int  # that there are
    n_held_out: int
    present: Estimate  # the loop's own recipe, learned anew, on the held-out examples
    champion: Estimate | None
    finalists: tuple[Finalist, ...]  # with the loop's floor, the winner first; none when the loop's own recipe was the best
    floor: FloorChange | None  # None: the search kept the loop's floor

    @property
    def winner(self) -> Finalist | None:
        """The recipe to challenge with."""
        return self.finalists[0] if self.finalists else None

    @property
    def promised(self) -> float | None:
        """How much more than the loop's own recipe the winner earned in the search, which picked it for that."""
        first = self.searched.attempts[0].estimate
        if self.winner is None or self.winner.attempt.estimate is None or first is None:
            return None
        return self.winner.attempt.estimate.value - first.value

    @property
    def result(self) -> str:
        """`better`, `worse`, `inconclusive`, or `nothing-better` where the loop's own recipe did best in the search."""
        if self.winner is None:
            return "nothing-better"
        lead = self.winner.over_present
        return "better" if lead.low > 0 else "worse" if lead.high < 0 else "inconclusive"

    def sentences(self) -> list[str]:
        """All of it, for people."""
        n = len(self.searched.attempts) - 1
        tried = f"{n:,} {'recipe was' if n == 1 else 'recipes were'} tried beside the loop's own"
        told = [f"{tried}, on {self.n_searched:,} examples below the split{self._why_not_all()}."]
        if self.searched.is_stopped:
            told.append("The search was stopped before its end; this is what it had found.")
        failed = [attempt for attempt in self.searched.attempts if attempt.failure is not None]
        if failed:
            told.append(f"{len(failed):,} of them failed; attempt {failed[0].number}: {failed[0].failure}")
        told += self._about_nothing() if self.winner is None else self._about_winner(self.winner)
        return [*told, *self._about_floor(), *self._about_exploring()]

    def _why_not_all(self) -> str:
        return "" if self.n_searched == self.n_below_split else f", the newest of {self.n_below_split:,}"

    def _about_nothing(self) -> list[str]:
        return ["None did better in the search than the loop's own recipe, so there is nothing to challenge with."]

    def _about_winner(self, winner: Finalist) -> list[str]:
        lead = winner.over_present
        together = f" (the intervals of all {len(self.finalists)} finalists hold together)" if len(self.finalists) > 1 else ""
        on = f"On {self.n_held_out:,} examples that the search never saw"
        told = [f"{on}, the winner would have earned more than the loop's own recipe by {lead.told()}{together}."]
        if self.result == "inconclusive":
            told.append("INCONCLUSIVE: that interval covers 0, so the winner may be no better than the loop's own recipe.")
        if self.result == "worse":
            told.append("It is worse: what the search saw in it was luck. Do not challenge with it.")
        if winner.over_champion is not None:
            told.append(f"Over the champion it is {winner.over_champion.told()}.")
        if self.promised is not None:
            told.append(_about_promise(self.promised, lead.value))
        return told

    def _about_floor(self) -> list[str]:
        if self.floor is None:
            return []
        return [
            f"A floor of {self.floor.floor:g} instead of {self.spec.explore.floor:g} would bring {self.floor.lead.told()}. It "
            f"is no part of a recipe: set explore.floor in the loop file and `policyloop apply`."
        ]

    def _about_exploring(self) -> list[str]:
        is_same = self.winner is None or self.winner.attempt.spec.explore == self.spec.explore
        if is_same and self.floor is None:
            return []
        return [
            "What exploring costs is in these numbers, what it is good for later is not; `--only learner,features` leaves "
            "explorer and floor as they are."
        ]


def recipe_changes(before: LoopSpec, after: LoopSpec) -> dict[str, Any]:
    """What a recipe file says: the keys in which a recipe differs from the loop's own; `context` lists what is learned from."""
    old, new = to_mapping(before), to_mapping(after)
    for body in (old, new):
        body["explore"].pop("floor")  # which is no part of a recipe
    changed = {key: new[key] for key in ("learner", "explore") if old[key] != new[key]}
    return changed if old["context"] == new["context"] else {"context": learned(after), **changed}


def _about_promise(promised: float, kept: float) -> str:
    """How much of what the search saw was there."""
    less = promised - kept
    rest = f"{less:.4f} of it was optimism" if less > 0 else "that was not too hopeful"
    return f"The search, which picked it for its estimate, had seen {promised:+.4f}; {rest}."
