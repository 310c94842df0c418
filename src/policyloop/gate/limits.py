"""Limits: how far one pseudo-outcome can go, known before its event is seen, so that a bet on it can never lose everything.

Question answered: given who shares the traffic and how wide rewards are, what is the worst and the best that one event can
say about a challenger? The answer may depend on the past, and never on the event itself.
Letters: c the ceiling of the predictions, W and V the largest weights for and against the challenger, in units of the range.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting

_HEADROOM = 2.0  # predictions may reach so many times the mean reward


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every pseudo-outcome lies in [-below, above], when predictions stay within [low, ceiling]."""

    below: float  # > 0, in the reward unit
    above: float  # > 0
    low: float  # smallest reward
    ceiling: float  # predictions of rewards are clipped here

    def clipped(self, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
        """The predictions within their limits; what is no number becomes the smallest reward."""
        return np.clip(np.nan_to_num(predicted, nan=self.low), self.low, self.ceiling)


def limits_of(
    *,
    low: float,
    high: float,
    least_propensity: float,
    ceiling: float | None = None,
    champion_share: float = 0.0,
    challenger_share: float = 0.0,
) -> Limits:
    """The limits while a challenge's traffic is shared in one way.

    Args:
        low: the loop's smallest reward.
        high: its largest.
        least_propensity: no action is served with less; the floor shared by the largest number of actions, in (0, 1].
        ceiling: of the predictions, chosen before the first event; None: `high`.
        champion_share: of the decisions that the champion's model makes, in [0, 1]; 0 where it is not known who served.
        challenger_share: the same of the challenger.

    Raises:
        BadSetting: `least_propensity` is not in (0, 1]: without a floor there is no limit.
    """
    if not 0 < least_propensity <= 1:
        raise BadSetting(f"least_propensity is {least_propensity}; expected a number in (0, 1]. Set explore.floor above 0.")
    span = high - low
    c = 1.0 if ceiling is None else (min(max(ceiling, low), high) - low) / span
    most_for, most_against = largest_weights(least_propensity, champion_share=champion_share, challenger_share=challenger_share)
    # With the smallest reward as 0 and the range as 1: an event for the challenger costs at most W q, one against it V (1 - q),
    # and the predicted part of phi at most c. A ceiling below 1 keeps rare rewards from being bet on as if they were large.
    return Limits(
        below=span * (c + max(most_for * c, most_against)),
        above=span * (c + max(most_for, most_against * c)),
        low=low,
        ceiling=low + span * c,
    )


def largest_weights(least_propensity: float, *, champion_share: float, challenger_share: float) -> tuple[float, float]:
    """How much one event can weigh for the challenger, and against it: W and V. Letters and arguments as in `limits_of`."""
    # (pi_c - pi_l)(a) / p(a): p is at least share * pi_c(a), share * pi_l(a), and the floor's part.
    return min(1 / least_propensity, _inverse(challenger_share)), min(1 / least_propensity, _inverse(champion_share))


def ceiling_of(mean_reward: float, *, low: float, high: float) -> float:
    """Where predictions are clipped: twice the mean reward of earlier events, counted from the smallest reward.

    Simulated at a reward rate of .3 logged without a canary: power .85 like without a ceiling, .75 with one so low that all
    weights are worth 1; at a rate of .005 with a canary: .30, and .04 without a ceiling.
    """
    return low + min(_HEADROOM * (mean_reward - low), high - low)


def _inverse(share: float) -> float:
    return 1 / share if share > 0 else math.inf
