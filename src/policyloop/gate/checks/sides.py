"""Sides: does each get the share of the traffic that it should, and does each get its rewards back?

Question answered: are sides drawn with the logged shares (a sample ratio), and are rewards lost on one side? A better
challenger may well see more outcomes; but once the action is known the side says nothing about them. So the rewarded
decisions are held against the chance that each action came from the challenger, and only lost rewards can upset that.
Where a subject stays on one side, its decisions are one draw: of each subject the first is counted. A table of
fixed size remembers subjects by hash; two that share a place count as one, and when it is full nothing more is counted.
Letters: n decisions.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT
from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.wealth import Claim, Wealth
from policyloop.gate.verdict import Call, Number, Reason

SPLIT, JOINED = "log-split", "log-joined"

_ODDS = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
_SPLIT = Claim(alpha=0.0005, prior=(1 / (2 * len(_ODDS)),) * (2 * len(_ODDS)))
_JOINED = Claim(alpha=0.0005, prior=(1 / len(_ODDS),) * len(_ODDS))
_PLACES = 2**16  # for subjects


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sided:
    """Decisions that more than one side could have made."""

    side: NDArray[np.object_]  # (n,)
    share: NDArray[np.float64]  # (n,) the challenger's, of all decisions
    hold_out: NDArray[np.float64]  # (n,) the baseline's
    unit: NDArray[np.object_]  # (n,) what stays on one side, such as the subject; '' where the decision is drawn by itself
    # (n,) chance that the logged action came from the challenger, given that it came from it or the champion; NaN: not known
    chance: NDArray[np.float64]
    is_rewarded: NDArray[np.bool_]  # (n,) an outcome came


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What is known so far of the sides."""

    split: Wealth
    joined: Wealth
    counts: Mapping[str, tuple[int, int, float]]  # side -> decisions, rewarded ones, decisions that its share foretells
    seen: bytes = field(default=bytes(_PLACES // 8), repr=False)  # a bit for each place

    def reasons(self) -> tuple[Reason, Reason]:
        """One on the split, one on the rewards; REFUSE where they are not as they must be."""
        return self._split_reason(), self._joined_reason()

    def _split_reason(self) -> Reason:
        numbers: dict[str, Number] = {**self.split.numbers}
        for side, (n, _, foretold) in self.counts.items():
            numbers |= {f"n_{side}": float(n), f"expected_{side}": foretold}
        told = ", ".join(f"{side} {n:,} where {foretold:,.0f} are expected" for side, (n, _, foretold) in self.counts.items())
        if not self.split.is_alarm:
            sentence = f"Sides have their shares: {told}." if self.split.n else "No decision had more than one side yet."
            return Reason(name=SPLIT, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
        sentence = (
            f"The sides do not have their shares of the traffic: {told}. That is beyond chance: decisions of a side are lost, "
            f"or are drawn in another way than is logged."
        )
        return Reason(name=SPLIT, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)

    def _joined_reason(self) -> Reason:
        rates = {side: joined / n for side, (n, joined, _) in self.counts.items() if n}
        numbers: dict[str, Number] = {**self.joined.numbers, **{f"joined_{side}": rate for side, rate in rates.items()}}
        told = ", ".join(f"{side} {100 * rate:.3g} %" for side, rate in rates.items())
        if not self.joined.is_alarm:
            sentence = f"Outcomes came to all sides alike, action by action: {told}." if rates else "No side has outcomes yet."
            return Reason(name=JOINED, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
        sentence = (
            f"Outcomes get lost on one side: {told} of the decisions have any, and the actions taken do not explain the "
            f"difference. See that both sides report their outcomes with the decision_id that they were given."
        )
        return Reason(name=JOINED, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "split": self.split.to_mapping(),
            "joined": self.joined.to_mapping(),
            "counts": {side: list(counts) for side, counts in self.counts.items()},
            "seen": base64.b64encode(self.seen).decode() if any(self.seen) else "",
        }

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Sides:
        """The inverse of `to_mapping`."""
        return cls(
            split=Wealth.from_mapping(raw["split"], _SPLIT),
            joined=Wealth.from_mapping(raw["joined"], _JOINED),
            counts={side: (int(n), int(joined), float(of)) for side, (n, joined, of) in raw["counts"].items()},
            seen=base64.b64decode(raw["seen"]) or bytes(_PLACES // 8),
        )


def begin() -> Sides:
    """Before the first decision."""
    return Sides(split=wealths.begin(_SPLIT), joined=wealths.begin(_JOINED), counts={})


def sided_of(examples: Examples) -> Sided | None:
    """What n examples tell of their sides; None where they were in no trial.

    A deferred decision is given no side: whether it counts may hang on what was shown.
    """
    trial = examples.trial
    if trial is None:
        return None
    n = len(examples)
    rows, action = np.arange(n), examples.action
    challengers = trial.share * trial.challenger_pmf[rows, action]
    champions = (1 - trial.share - trial.hold_out) * trial.champion_pmf[rows, action]
    both = np.where(trial.share > 0, challengers, 0.0) + champions
    is_deferred = np.zeros(n, dtype=bool) if examples.is_deferred is None else examples.is_deferred
    return Sided(
        side=np.where(is_deferred, "", trial.side),
        share=trial.share,
        hold_out=trial.hold_out,
        unit=np.full(n, "", dtype=object) if trial.unit is None else trial.unit,
        # a point, or what was done instead, was drawn from no pmf
        chance=np.divide(challengers, both, out=np.full(n, np.nan), where=(both > 0) & np.isfinite(examples.propensity)),
        is_rewarded=np.zeros(n, dtype=bool) if examples.is_rewarded is None else examples.is_rewarded,
    )


def update(sides: Sides, sided: Sided) -> Sides:
    """After further decisions, in order."""
    is_first, seen = _first_of_units(sided.unit, sides.seen)
    counted = np.flatnonzero(is_first & (sided.side != "") & ((sided.share > 0) | (sided.hold_out > 0)))
    side, share, hold_out = sided.side[counted], sided.share[counted], sided.hold_out[counted]
    is_challengers = np.asarray(side == CHALLENGER)
    split = np.concatenate(
        [
            wealths.odds_factors(share, is_challengers, _ODDS),
            wealths.odds_factors(hold_out, np.asarray(side == HOLD_OUT), _ODDS),
        ]
    )
    chance, is_joined = sided.chance[counted], sided.is_rewarded[counted]
    told = np.flatnonzero(is_joined & np.isfinite(chance) & np.asarray(side != HOLD_OUT))
    joined = wealths.odds_factors(chance[told], is_challengers[told], _ODDS)
    foretold = {CHAMPION: 1 - share - hold_out, CHALLENGER: share, HOLD_OUT: hold_out}
    counts = dict(sides.counts)
    for name, shares in foretold.items():
        if shares.any():
            n, with_outcome, of = counts.get(name, (0, 0, 0.0))
            mine = np.asarray(side == name)
            counts[name] = (n + int(mine.sum()), with_outcome + int((mine & is_joined).sum()), of + float(shares.sum()))
    return replace(
        sides,
        split=wealths.bet(sides.split, split),
        joined=wealths.bet(sides.joined, joined),
        counts=counts,
        seen=seen,
    )


def _first_of_units(unit: NDArray[np.object_], seen: bytes) -> tuple[NDArray[np.bool_], bytes]:
    """(n,) whether a decision is the first of its unit, or has none; and the places that are taken after it."""
    rows = np.flatnonzero(unit != "")
    is_first = np.full(len(unit), True)
    if not len(rows):
        return is_first, seen
    place_of = {name: _place(name) for name in set(unit[rows].tolist())}
    place = np.array([place_of[name] for name in unit[rows].tolist()], dtype=np.int64)
    taken = np.unpackbits(np.frombuffer(seen, dtype=np.uint8))
    _, earliest = np.unique(place, return_index=True)
    is_earliest = np.zeros(len(rows), dtype=bool)
    is_earliest[earliest] = True
    is_first[rows] = is_earliest & (taken[place] == 0)
    taken[place] = 1
    return is_first, np.packbits(taken).tobytes()


def _place(unit: str) -> int:
    return int.from_bytes(hashlib.blake2b(unit.encode(), digest_size=2).digest()) % _PLACES
