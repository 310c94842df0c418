"""Cross-fitted predictions: where no model from outside is at hand, the examples predict one another, never themselves.

Question answered: which expected rewards make doubly robust estimates calm, when all there is are the examples themselves?
They are cut into folds; each fold is predicted by a model that learned from the others, so that no example has a say in its
own prediction. For reports; gates, which look again and again, take models of earlier events (evaluate/predicted.py).
Source: Chernozhukov et al. 2018 (Econometrics Journal 21), cross-fitting.
Letters: n examples, k actions.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec, PluginSpec
from policyloop.core.policy import RewardModel
from policyloop.evaluate.predicted import PredictsRewards, within
from policyloop.learn.train import encoded, fit_encoders, new_learner, new_shared_learner
from policyloop.policy.explorers import greedy
from policyloop.policy.scored import ScoredPolicy
from policyloop.policy.scored_candidates import ScoredCandidates

N_FOLDS = 5


def folds_of(split: NDArray[np.float64], n_folds: int = N_FOLDS) -> NDArray[np.int64]:
    """(n,) the fold of each example, by its keyed draw: examples of one episode, which share the draw, stay together.

    Args:
        split: (n,) in [0, 1).
        n_folds: at most so many; as many as there are different draws, where those are fewer.
    """
    draws = np.unique(split)
    place = np.searchsorted(draws, split)
    return np.asarray(place * min(n_folds, len(draws)) // max(len(draws), 1), dtype=np.int64)


def cross_fitted(examples: Examples, spec: LoopSpec, *, n_folds: int = N_FOLDS) -> NDArray[np.float64]:
    """Expected rewards of every action, each row by a `linear` model that learned from the other folds.

    Args:
        examples: n examples, in the order of the log.
        spec: of the loop.
        n_folds: of about the same size.

    Returns:
        (n, k) within the range of rewards; the middle of it where there is no other fold to learn from.
    """
    predicted: NDArray[np.float64] = np.full(examples.allowed.shape, (spec.reward.low + spec.reward.high) / 2)
    fold = folds_of(examples.split, n_folds)
    every = sorted(set(fold.tolist()))
    for one in every if len(every) > 1 else []:
        model = _learned(examples.where(fold != one), spec)
        rows = examples.where(fold == one)
        rewards = model.rewards_of_many(rows.contexts, rows.candidates)
        its = within(rewards, spec.reward.low, spec.reward.high)[:, : predicted.shape[1]]
        predicted[fold == one, : its.shape[1]] = its
    return predicted


def _learned(rows: Examples, spec: LoopSpec) -> PredictsRewards:
    """What the rows teach."""
    plain = replace(spec, learner=PluginSpec(name="linear"), explore=replace(spec.explore, name="greedy", settings={}))
    encoders = fit_encoders(rows, plain)
    explorer, n_features = greedy.Greedy(), encoders.context.n_features
    if encoders.candidates is None:
        learner = new_learner(plain, n_features=n_features, seed=0)
        learner.learn(encoded(rows, encoders))
        model: RewardModel = learner.reward_model()
        return ScoredPolicy(encoders.context, model, explorer, 0.0, len(spec.labels))
    shared = new_shared_learner(plain, n_features=n_features, n_action_features=encoders.candidates.encoder.n_features, seed=0)
    shared.learn(encoded(rows, encoders))
    return ScoredCandidates(encoders.context, encoders.candidates, shared.reward_model(), explorer, 0.0)
