"""Scored candidates: encoders, a shared reward model, explorer and floor make a policy over what the caller brings along.

Question answered: with which probability is each candidate taken in this context? A candidate that no one has seen
before is scored by its features like any other, so it needs no new model.
Letters: n contexts, k candidates, d features of the context, e of a candidate, m pairs of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.example import Context
from policyloop.core.policy import Actions, Explorer, Pairs, Prediction, SharedRewardModel
from policyloop.policy import floor as floors
from policyloop.policy.candidate_features import CandidateEncoder
from policyloop.policy.explorers import greedy
from policyloop.policy.exploring import explored, explored_many
from policyloop.policy.features import Encoder

_NONE = "a policy over candidates was asked without any"
_CELLS_AT_ONCE = 2**22  # numbers held at a time, so that a long table needs no more memory than a short one


@dataclass(frozen=True, slots=True, eq=False)
class ScoredCandidates:
    """A policy that scores candidates and explores on the scores. Immutable, and safe to share between threads."""

    encoder: Encoder
    candidate_encoder: CandidateEncoder
    reward_model: SharedRewardModel
    explorer: Explorer
    floor: float

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in the offered order, summing to 1; 0 for candidates not allowed."""
        return np.array(self.pmf(context, actions.allowed.tolist(), actions.candidates))

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: Candidates | None = None) -> list[float]:
        """The same as a list; this is what a decision uses."""
        assert candidates is not None, _NONE
        prediction = self._predict_one(context, candidates)
        return explored(prediction, allowed, explorer=self.explorer, floor=self.floor)

    def rewards(self, context: Context, candidates: Candidates) -> list[float]:
        """k expected rewards, in the loop's reward unit."""
        rewards: list[float] = self._predict_one(context, candidates).mean.tolist()
        return rewards

    def probabilities_of_many(
        self, contexts: Sequence[Context], allowed: NDArray[np.bool_], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i, to 1e-12; k is the width of `allowed`."""
        assert candidates is not None, _NONE
        pmf = np.zeros(allowed.shape)
        for rows in self._chunks(candidates, allowed.shape[1]):
            prediction = self._predict(contexts[rows], candidates[rows], allowed.shape[1])
            pmf[rows] = explored_many(prediction, allowed[rows], explorer=self.explorer, floor=self.floor)
        return pmf

    def rewards_of_many(
        self, contexts: Sequence[Context], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k) expected reward of every candidate, in the loop's reward unit; k is the largest set, 0 where there is none."""
        assert candidates is not None, _NONE
        width = max((len(one) for one in candidates), default=0)
        rewards = np.zeros((len(contexts), width))
        for rows in self._chunks(candidates, width):
            rewards[rows] = self._predict(contexts[rows], candidates[rows], width).mean
        return rewards

    def with_floor(self, floor: float) -> ScoredCandidates:
        """The same policy with another floor, in [0, 1]: a change of the spec's floor needs no new model."""
        return replace(self, floor=floors.check(floor))

    def greedy(self) -> ScoredCandidates:
        """The same policy without exploration: always the best allowed candidate, ties shared."""
        return replace(self, explorer=greedy.Greedy(), floor=0.0)

    def _predict_one(self, context: Context, candidates: Candidates) -> Prediction:
        actions, ids, row = self.candidate_encoder.of(candidates)
        x = self.encoder.encode(context)
        return self.reward_model.predict_pairs(Pairs(x[np.newaxis], row, actions, ids))

    def _predict(self, contexts: Sequence[Context], sets: Sequence[Candidates], width: int) -> Prediction:
        """Predictions (n, width) and draws (n, s, width) of some rows, 0 where a set has no more candidates."""
        prediction = self.reward_model.predict_pairs(self._pairs(contexts, sets))
        is_there = np.arange(width) < np.array([len(one) for one in sets])[:, np.newaxis]
        mean = np.zeros(is_there.shape)
        mean[is_there] = prediction.mean
        if prediction.draws is None:
            return Prediction(mean)
        draws = np.zeros((len(prediction.draws), *is_there.shape))
        draws[:, is_there] = prediction.draws
        return Prediction(mean, draws.transpose(1, 0, 2))

    def _pairs(self, contexts: Sequence[Context], sets: Sequence[Candidates]) -> Pairs:
        """All candidates of some rows, one after another."""
        encoded = [self.candidate_encoder.of(one) for one in sets]
        row = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
        actions = np.concatenate([one.actions for one in encoded])
        return Pairs(self.encoder.encode_many(contexts), row, actions, np.concatenate([one.ids for one in encoded]))

    def _chunks(self, sets: Sequence[Candidates], width: int) -> Iterator[slice]:
        """Row ranges that together cover all rows."""
        features = self.encoder.n_features + self.candidate_encoder.encoder.n_features
        size = max(_CELLS_AT_ONCE // (max(width, 1) * max(features, self.reward_model.n_draws, 1)), 1)
        return (slice(start, min(start + size, len(sets))) for start in range(0, len(sets), size))
