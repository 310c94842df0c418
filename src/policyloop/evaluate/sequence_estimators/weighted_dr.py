"""Weighted doubly robust for sequences: `dr` with weights that are scaled to a mean of 1 at every step.

Question answered: what discounted return would the target policy have earned, when episodes are long and weights uneven?
When to use: where `dr` is too noisy; its bias fades as episodes come in.
Source: Thomas & Brunskill 2016 (arXiv:1604.00923), section 5. An episode that ended keeps its last weight.
Letters: n transitions, e episodes, t steps.
"""

from __future__ import annotations

import numpy as np

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions, nothing_weighs
from policyloop.evaluate.sequences import Sequences, forwards

NAME = "weighted_dr"


def contributions(sequences: Sequences) -> Contributions:
    """What each episode adds, by the delta method.

    Args:
        sequences: with ratios and expected returns, by a model that never saw the episode.
    """
    assert sequences.expected is not None
    assert sequences.state_value is not None
    assert sequences.next_value is not None
    transitions, weight = sequences.transitions, sequences.weighed()
    follows = sequences.next_value.copy()
    inner = np.flatnonzero(~transitions.is_last)
    follows[inner] = sequences.state_value[inner + 1]
    surprise = transitions.reward + transitions.discount * follows - sequences.expected
    starts, lengths = sequences.starts, transitions.lengths
    e = len(starts)
    last = weight[starts].copy()
    away = sequences.state_value[starts].astype(np.float64)
    value = 0.0
    for rows, t in [(starts, 0), *forwards(transitions)] if e else []:
        is_on = lengths > t
        last[is_on] = weight[rows]
        mean = float(last.mean())
        if not mean > 0 or not np.isfinite(mean):
            return nothing_weighs(NAME, e)
        told = np.zeros(e)
        told[is_on] = surprise[rows]
        share = last / mean
        level = float((share * told).mean())
        discount = transitions.discount**t
        value += discount * level
        away += discount * share * (told - level)
    of_episodes = value + away
    return Contributions(estimator=NAME, n=e, of=lambda part: of_episodes[part], ess=sequences.ess(), is_mean=False)


def estimate(sequences: Sequences) -> Estimate:
    """The value with its standard error."""
    return contributions(sequences).estimate()
