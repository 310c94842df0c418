"""Calibration: each action must be taken as often as the logged probabilities say.

Question answered: which action comes oftener or more seldom than logged? One wealth over all actions, so that the many
actions and the many looks are paid for together.
Letters: n events, k actions, g groups.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.truth import Drawn, grouped
from policyloop.gate.checks.wealth import Claim, Wealth
from policyloop.gate.verdict import Call, Reason

NAME = "log-calibration"

_MOST = 32  # actions told apart; those beyond are one group
_ODDS = (0.25, 0.5, 0.8, 1.25, 2.0, 4.0)
_ALPHA = 0.0005


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is known so far of how often each action came."""

    wealth: Wealth
    came: tuple[float, ...]  # g, how often each was taken
    expected: tuple[float, ...]  # g, the sum of its logged probabilities

    def reason(self, labels: Sequence[str]) -> Reason:
        """REFUSE where an action comes as often as its probability does not say.

        Args:
            labels: of the actions, as far as they have any.
        """
        numbers = {**self.wealth.numbers}
        n = f"{self.wealth.n:,} decisions"
        if not self.wealth.is_alarm:
            sentence = f"In {n} every action came about as often as logged."
            return Reason(name=NAME, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
        which = int(np.argmax(self.wealth.stakes)) // len(_ODDS)
        came, expected = self.came[which], self.expected[which]
        name = f"'{labels[which]}'" if which < len(labels) else f"at place {which}"
        sentence = (
            f"Action {name} was taken {came:,.0f} times in {n}; the logged probabilities say {expected:,.0f}. That is beyond "
            f"chance: see what serves it, or leaves it out."
        )
        numbers |= {"action": float(which), "came": came, "expected": expected}
        return Reason(name=NAME, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"wealth": self.wealth.to_mapping(), "came": list(self.came), "expected": list(self.expected)}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Calibration:
        """The inverse of `to_mapping`."""
        wealth = Wealth.from_mapping(raw["wealth"], _claim(len(raw["came"])))
        return cls(wealth=wealth, came=tuple(raw["came"]), expected=tuple(raw["expected"]))


def begin(n_actions: int) -> Calibration:
    """Before the first event; `n_actions` is 0 where the caller brings the actions along."""
    g = min(n_actions or _MOST, _MOST)
    return Calibration(wealth=wealths.begin(_claim(g)), came=(0.0,) * g, expected=(0.0,) * g)


def update(calibration: Calibration, drawn: Drawn) -> Calibration:
    """After further events, in order."""
    g, n = len(calibration.came), len(drawn)
    mass = np.zeros((g, n))
    told = grouped(np.ascontiguousarray(drawn.pmf.T), g)
    mass[: len(told)] = np.minimum(told, 1.0)
    came = np.minimum(drawn.action, g - 1) == np.arange(g)[:, np.newaxis]
    factors = [wealths.odds_factors(mass[group], came[group], _ODDS) for group in range(g)]
    return replace(
        calibration,
        wealth=wealths.bet(calibration.wealth, np.concatenate(factors)),
        came=tuple((np.array(calibration.came) + came.sum(axis=1)).tolist()),
        expected=tuple((np.array(calibration.expected) + mass.sum(axis=1)).tolist()),
    )


def _claim(g: int) -> Claim:
    """For g actions alike."""
    j = g * len(_ODDS)
    return Claim(alpha=_ALPHA, prior=(1 / j,) * j)
