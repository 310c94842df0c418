"""Weights: the importance weights of challenger and champion must average 1.

Question answered: does the mean of pi(a)/p stay near 1, as it must when p is the chance the action really had? A mean that
leaves 1 shifts every estimate that is made with these weights.
Source: a bet on the mean of a bounded variable, Waudby-Smith & Ramdas 2024 (arXiv:2010.09686), both directions.
Letters: n events, k actions, w a weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.truth import Drawn
from policyloop.gate.checks.wealth import Claim, Wealth
from policyloop.gate.verdict import Call, Number, Reason

NAME = "log-weights"
WHOSE = ("challenger", "champion")

_BETS = (0.03, 0.1, 0.3, 0.9)  # shares of the stake, on a mean above 1 and below
CLAIM = Claim(alpha=0.0005, prior=(1 / (4 * len(_BETS)),) * (4 * len(_BETS)))
_Sums = tuple[float, float]  # n, sum of w over its expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What is known so far of the mean weights."""

    wealth: Wealth
    sums: Mapping[str, _Sums]

    def reason(self) -> Reason:
        """REFUSE where a mean is not 1."""
        means = {whose: total / n for whose, (n, total) in self.sums.items() if n}
        told = " and ".join(f"{mean:.3f} for the {whose}" for whose, mean in means.items())
        numbers: dict[str, Number] = {**self.wealth.numbers, **{f"mean_{whose}": mean for whose, mean in means.items()}}
        if not means:
            sentence = "No decision tells yet what challenger or champion would have done."
        else:
            sentence = f"The mean weight is {told}, where 1 is expected ({self.wealth.n:,} decisions)."
        call = Call.REFUSE if self.wealth.is_alarm else Call.PROMOTE
        if self.wealth.is_alarm:
            sentence += " That is beyond chance: the propensities do not fit what was drawn, and every estimate is shifted."
        return Reason(name=NAME, call=call, sentence=sentence, numbers=numbers, is_check=True)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"wealth": self.wealth.to_mapping(), "sums": {whose: list(sums) for whose, sums in self.sums.items()}}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Weights:
        """The inverse of `to_mapping`."""
        sums = {whose: (float(n), float(total)) for whose, (n, total) in raw["sums"].items()}
        return cls(wealth=Wealth.from_mapping(raw["wealth"], CLAIM), sums=sums)


def begin() -> Weights:
    """Before the first event."""
    return Weights(wealth=wealths.begin(CLAIM), sums=dict.fromkeys(WHOSE, (0.0, 0.0)))


def update(weights: Weights, drawn: Drawn) -> Weights:
    """After further events, in order; those that do not tell what either would have done are passed over."""
    known: dict[str, NDArray[np.bool_]] = {
        whose: np.asarray(np.isfinite(drawn.others[whose]).all(axis=1)) for whose in WHOSE if whose in drawn.others
    }
    rows = np.flatnonzero(np.array(list(known.values())).any(axis=0)) if known else np.empty(0, dtype=np.intp)
    if not len(rows):
        return weights
    pmf, action = drawn.pmf[rows], drawn.action[rows]
    sums, factors = dict(weights.sums), []
    for whose in WHOSE:
        excess, most = np.zeros(len(rows)), np.ones(len(rows))
        if whose in known:
            its = np.where(known[whose][rows, np.newaxis], drawn.others[whose][rows], pmf)
            excess, most = _excess(its, pmf, action)
            n, total = weights.sums[whose]
            here = known[whose][rows]
            sums[whose] = (n + float(here.sum()), total + float((1 + excess[here]).sum()))
        factors += [1 + share * excess for share in _BETS]
        factors += [1 - share * excess / most for share in _BETS]
    return replace(weights, wealth=wealths.bet(weights.wealth, np.array(factors)), sums=sums)


def _excess(
    its: NDArray[np.float64], pmf: NDArray[np.float64], action: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) weights less their expectation, in units of it; and the largest that could be, at least 1."""
    ratio = np.divide(its, pmf, out=np.zeros(its.shape), where=pmf > 0)
    mean = np.where(pmf > 0, its, 0.0).sum(axis=1)  # 1, but for what the log can never show
    told = np.divide(ratio, mean[:, np.newaxis], out=np.ones(its.shape), where=mean[:, np.newaxis] > 0) - 1
    return told[np.arange(len(action)), action], np.maximum(told.max(axis=1), 1.0)
