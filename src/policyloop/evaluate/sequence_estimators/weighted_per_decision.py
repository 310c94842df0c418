"""Weighted per-decision importance sampling: at every step the weights are scaled to a mean of 1, for less noise.

Question answered: what discounted return would the target policy have earned, when a few heavy episodes must not decide?
When to use: instead of `per_decision`, unless there are very few episodes: its bias fades as episodes come in.
Source: Precup, Sutton & Singh 2000; per step as in Thomas 2015. An episode that ended keeps its last weight, and earns 0.
Letters: n transitions, e episodes, t steps.
"""

from __future__ import annotations

import numpy as np

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions, nothing_weighs
from policyloop.evaluate.sequences import Sequences, forwards

NAME = "weighted_per_decision"


def contributions(sequences: Sequences) -> Contributions:
    """What each episode adds to a sum of ratios of means, by the delta method.

    Args:
        sequences: with ratios.
    """
    transitions, weight = sequences.transitions, sequences.weighed()
    reward, starts = transitions.reward.astype(np.float64), sequences.starts
    e, lengths = len(starts), transitions.lengths
    last = weight[starts].copy()  # (e,) the weight that each episode has at this step, or had at its end
    value, away = 0.0, np.zeros(e)
    steps = [(starts, 0), *forwards(transitions)] if e else []
    for rows, t in steps:
        is_on = lengths > t
        last[is_on] = weight[rows]
        mean = float(last.mean())
        if not mean > 0 or not np.isfinite(mean):
            return nothing_weighs(NAME, e)
        earned = np.zeros(e)
        earned[is_on] = reward[rows]
        share = last / mean
        level = float((share * earned).mean())
        discount = transitions.discount**t
        value += discount * level
        away += discount * share * (earned - level)
    of_episodes = value + away
    return Contributions(estimator=NAME, n=e, of=lambda part: of_episodes[part], ess=sequences.ess(), is_mean=False)


def estimate(sequences: Sequences) -> Estimate:
    """The value with its standard error."""
    return contributions(sequences).estimate()
