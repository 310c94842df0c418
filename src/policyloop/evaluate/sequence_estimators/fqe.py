"""Fitted Q evaluation: a model of the return under the target policy, asked at the first state of every episode.

Question answered: what discounted return would the target policy earn, where nothing can be weighed? It needs no propensities,
and is as right as the model: of what nobody tried it only has an opinion.
Source: Le, Voloshin & Yue 2019 (arXiv:1903.08738). Letters: n transitions, e episodes.
"""

from __future__ import annotations

from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.sequences import Sequences

NAME = "fqe"


def contributions(sequences: Sequences) -> Contributions:
    """What each episode adds: its first state's value. How uncertain the model is shows only when it is fitted again.

    Args:
        sequences: with the values of states.
    """
    assert sequences.state_value is not None
    of_episodes = sequences.state_value[sequences.starts]
    return Contributions(estimator=NAME, n=len(of_episodes), of=lambda part: of_episodes[part], ess=float(len(of_episodes)))


def estimate(sequences: Sequences) -> Estimate:
    """Their mean; its standard error is that of the first states alone."""
    return contributions(sequences).estimate()
