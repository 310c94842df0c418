"""Explaining a decision: which pieces of what was known spoke for the action taken, and what explorer and floor did.

Question answered: why this action? A piece speaks for it by as much as it raises the action's expected reward above
what is usual, and by how much more than it raises that of the next best. Usual is what other logged decisions have, so
a piece that is as it always is speaks neither way.
Source: shares as in evaluate/shapley.py. Letters: p pieces, k actions that were allowed and that the model knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.shapley import Shares
from policyloop.policy.columns import NEAR

_SHOWN = 48  # characters of a value
_TOLD = 3  # contributions that get a sentence
_SMALLEST_TOLD = 0.05  # of the largest; what is smaller is not worth a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """One offered action."""

    name: str
    is_allowed: bool
    reward: float | None  # expected; None: not allowed, or the model does not know it
    explored: float  # probability that the explorer gave it, before the floor
    probability: float | None  # that it was logged with; None: it was not logged


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one piece did, in the loop's reward unit."""

    name: str
    value: Any
    to_taken: float  # how much it raised the expected reward of the action taken
    against_next: float | None  # the same less what it did for the next best; None: there is no other
    against_others: float | None  # the same less what it did for the others on average
    stderr: float  # of `to_taken`, by the drawing of orders; 0: exact


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why an action was taken. Contributions and `usual` sum to the expected reward, and to the differences."""

    offered: tuple[Offered, ...]
    taken: int  # place among the offered
    next_best: int | None  # place of the best of the others; None: no other was allowed and known
    contributions: tuple[Contribution, ...]  # those that matter most come first; none when the model does not know the action
    usual: Contribution | None  # the same numbers when nothing of the decision is known
    n_others: int  # actions whose mean `against_others` is
    n_background: int  # logged decisions that say what is usual
    explorer: str
    floor: float
    is_point: bool  # the caller asked not to explore

    @property
    def is_exact(self) -> bool:
        """Whether the contributions carry no error of drawing."""
        return all(one.stderr <= NEAR for one in self.contributions)

    def sentences(self) -> list[str]:
        """The same for people."""
        return [*self._of_the_score(), *self._of_the_pieces(), *self._of_the_chance(), *self._of_the_method()]

    def _of_the_score(self) -> list[str]:
        taken = self.offered[self.taken]
        if taken.reward is None:
            return [f"The model does not know '{taken.name}', so nothing spoke for it: it had its share of the floor alone."]
        if self.next_best is None:
            return [f"'{taken.name}' was the only action that was allowed and that the model knows."]
        other = self.offered[self.next_best]
        assert other.reward is not None
        known = [one.reward for one in self.offered if one.reward is not None]
        gap = taken.reward - other.reward
        if abs(gap) <= NEAR:
            return [f"Its expected reward, {taken.reward:.4g}, was that of '{other.name}' too: a tie."]
        if gap > 0:
            lead = f"{gap:.3g} above '{other.name}', the next"
            return [f"Its expected reward, {taken.reward:.4g}, was the best of {len(known)}: {lead}."]
        rank = 1 + sum(reward > taken.reward + NEAR for reward in known)
        return [
            f"Its expected reward, {taken.reward:.4g}, was number {rank} of {len(known)}, {-gap:.3g} below '{other.name}', "
            f"the best: it was taken to explore."
        ]

    def _of_the_pieces(self) -> list[str]:
        largest = max((abs(one.to_taken) for one in self.contributions), default=0.0)
        name, said = self.offered[self.taken].name, []
        for one in self.contributions[:_TOLD]:
            against = one.against_next or 0.0
            if max(abs(one.to_taken), abs(against)) <= max(_SMALLEST_TOLD * largest, NEAR):
                break
            told = f"{one.name} = {shown(one.value)} " + _moved(one.to_taken, f"the expected reward of '{name}'")
            if self.next_best is not None:
                is_alike = abs(one.to_taken) > NEAR and (against > 0) == (one.to_taken > 0)
                verb = "and" if is_alike else f"but {_verb(against)}"
                told += f" {verb} its lead over '{self.offered[self.next_best].name}' by {abs(against):.3g}"
            said.append(f"{told}.")
        if self.contributions and not said:
            said.append("No field moved its expected reward away from what is usual.")
        return said

    def _of_the_chance(self) -> list[str]:
        taken = self.offered[self.taken]
        n_allowed = sum(one.is_allowed for one in self.offered)
        said = []
        if n_allowed < len(self.offered):
            said.append(f"{len(self.offered) - n_allowed} of {len(self.offered)} offered actions were not allowed.")
        if self.is_point:
            said.append("The caller asked not to explore, so the most probable action was taken.")
            return said
        floored = (1 - self.floor) * taken.explored + self.floor / max(n_allowed, 1)
        told = f"{self.explorer} gave it a probability of {taken.explored:.4g}"
        if self.floor:
            told += f"; with the floor, {self.floor:.4g} shared by {n_allowed}, that is {floored:.4g}"
        said.append(f"{told}.")
        if taken.probability is not None and abs(taken.probability - floored) > 1e-9:
            said.append(f"It was logged with {taken.probability:.4g}: see `policyloop replay`.")
        return said

    def _of_the_method(self) -> list[str]:
        if not self.contributions:
            return []
        told = f"Usual is what {self.n_background} other decisions of the log had"
        return [f"{told}." if self.is_exact else f"{told}; the contributions are drawn, with the errors shown."]


def explanation(
    offered: Sequence[Offered],
    shares: Shares | None,
    *,
    taken: int,
    places: Sequence[int],
    pieces: Sequence[tuple[str, Any]],
    n_background: int,
    explorer: str,
    floor: float,
    is_point: bool,
) -> Explanation:
    """An explanation from the shares of pieces.

    Args:
        offered: all actions, in the offered order.
        shares: of p pieces for k actions; None: the model does not know the action taken.
        taken: place of the action taken.
        places: k places among the offered, the action taken first and the next best second.
        pieces: p names and values.
    """
    contributions: list[Contribution] = []
    usual = None
    if shares is not None:
        contributions = [
            _contribution(name, value, shares.share[i], float(shares.stderr[i, 0])) for i, (name, value) in enumerate(pieces)
        ]
        contributions.sort(key=lambda one: (-max(abs(one.to_taken), abs(one.against_next or 0.0)), one.name))
        usual = _contribution("usual", None, shares.base, 0.0)
    return Explanation(
        offered=tuple(offered),
        taken=taken,
        next_best=best_of_others(offered, taken),
        contributions=tuple(contributions),
        usual=usual,
        n_others=max(len(places) - 1, 0),
        n_background=n_background,
        explorer=explorer,
        floor=floor,
        is_point=is_point,
    )


def best_of_others(offered: Sequence[Offered], taken: int) -> int | None:
    """Place of the action with the highest expected reward beside the one taken; the first at a tie."""
    known = [(one.reward, -place) for place, one in enumerate(offered) if place != taken and one.reward is not None]
    return -max(known)[1] if known else None


def shown(value: Any) -> str:
    """A value as people read it, cut short."""
    if value is None:
        return "(missing)"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def _contribution(name: str, value: Any, share: NDArray[np.float64], stderr: float) -> Contribution:
    """Of the shares (k,) of one piece, the first is that of the action taken."""
    taken, rest = float(share[0]), share[1:]
    return Contribution(
        name=name,
        value=value,
        to_taken=taken,
        against_next=taken - float(rest[0]) if len(rest) else None,
        against_others=taken - float(rest.mean()) if len(rest) else None,
        stderr=stderr,
    )


def _verb(amount: float) -> str:
    return "raised" if amount > 0 else "lowered"


def _moved(amount: float, what: str) -> str:
    """`raised WHAT by 0.12`, or that it was left as it usually is."""
    return f"left {what} as it usually is" if abs(amount) <= NEAR else f"{_verb(amount)} {what} by {abs(amount):.3g}"
