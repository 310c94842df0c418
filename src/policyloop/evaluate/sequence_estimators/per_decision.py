"""Per-decision importance sampling: every reward weighed by how much more often the target would have come that far.

Question answered: what discounted return would the target policy have earned, with nothing believed beyond the propensities?
When to use: short episodes, and a target that is near the policy that logged; the weights multiply from step to step. An
episode that was cut off counts as far as it went.
Source: Precup, Sutton & Singh 2000. Letters: n transitions, e episodes.
"""

from __future__ import annotations

import numpy as np

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.sequences import Sequences, backwards

NAME = "per_decision"


def contributions(sequences: Sequences) -> Contributions:
    """What each episode adds; their mean has the truth for expectation.

    Args:
        sequences: with ratios.
    """
    assert sequences.ratio is not None
    transitions, ratio = sequences.transitions, sequences.ratio
    value = ratio * transitions.reward
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in backwards(transitions):
            value[rows] += ratio[rows] * transitions.discount * value[rows + 1]
    of_episodes = value[sequences.starts]
    return Contributions(estimator=NAME, n=len(of_episodes), of=lambda part: of_episodes[part], ess=sequences.ess())


def estimate(sequences: Sequences) -> Estimate:
    """Their mean with its standard error."""
    return contributions(sequences).estimate()
