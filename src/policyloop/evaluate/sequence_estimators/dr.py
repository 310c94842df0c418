"""Doubly robust for sequences: a model of the return, corrected at every step by what was really seen.

Question answered: what discounted return would the target policy have earned? Right if the propensities are, whatever the
model says; and the better the model, the less noise. The weights multiply from step to step: from the step on at which they
are worth less than a twentieth of the episodes, and after an episode that was cut off, the model's word is taken.
When to use: first, wherever propensities are known.
Source: Jiang & Li 2016 (arXiv:1511.03722), equation 10; stopping after some steps as in Thomas & Brunskill 2016
(arXiv:1604.00923), section 6. Letters: n transitions, e episodes.
"""

from __future__ import annotations

import numpy as np

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.sequences import Sequences, backwards

NAME = "dr"


def contributions(sequences: Sequences) -> Contributions:
    """What each episode adds; where corrections reach the end, their mean has the truth for expectation.

    Args:
        sequences: with ratios and expected returns, by a model that never saw the episode.
    """
    assert sequences.ratio is not None
    assert sequences.expected is not None
    assert sequences.state_value is not None
    assert sequences.next_value is not None
    transitions = sequences.transitions
    place = np.arange(len(transitions)) - np.repeat(sequences.starts, transitions.lengths)
    ratio = np.where(place < sequences.reach(), sequences.ratio, 0.0)  # where it is 0 the state's value alone remains
    after = np.where(transitions.is_last, sequences.next_value, 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # eq. 10: V_DR(t) = V(s) + rho (r + gamma V_DR(t+1) - Q(s, a))
        value = sequences.state_value + ratio * (transitions.reward + transitions.discount * after - sequences.expected)
        for rows in backwards(transitions):
            value[rows] += ratio[rows] * transitions.discount * value[rows + 1]
    of_episodes = value[sequences.starts]
    return Contributions(estimator=NAME, n=len(of_episodes), of=lambda part: of_episodes[part], ess=sequences.ess())


def estimate(sequences: Sequences) -> Estimate:
    """Their mean with its standard error."""
    return contributions(sequences).estimate()
