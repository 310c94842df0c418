"""Scored: encoder, reward model, explorer and floor make a policy; this is what serves.

Question answered: with which probability is each offered action taken in this context? Masked actions are taken out
before the explorer sees the scores and come back with probability 0, so that no explorer can put mass on one.
Letters: n contexts, k actions, d features, s posterior draws.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.errors import BadModel
from policyloop.core.example import Context
from policyloop.core.model import Manifest
from policyloop.core.policy import Actions, Explorer, RewardModel
from policyloop.policy import floor as floors
from policyloop.policy.columns import Columns, columns_of
from policyloop.policy.explorers import greedy
from policyloop.policy.features import Encoder
from policyloop.policy.policies import constant

EXPLORERS = "policyloop.policy.explorers"
POLICIES = "policyloop.policy.policies"
_CELLS_AT_ONCE = 2**22  # predictions held at a time, so that a long table needs no more memory than a short one


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPolicy:
    """A policy that scores the actions and explores on the scores. Immutable, and safe to share between threads."""

    encoder: Encoder
    reward_model: RewardModel
    explorer: Explorer
    floor: float
    n_actions: int

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in the offered order, summing to 1; 0 for actions not allowed."""
        return np.array(self.pmf(context, actions.allowed.tolist()))

    def pmf(self, context: Context, allowed: Sequence[bool]) -> list[float]:
        """The same as a list, without NumPy's price for small arrays; this is what a decision uses."""
        prediction = self.reward_model.predict(self.encoder.encode(context))
        mean, draws = prediction.mean.tolist(), prediction.draws
        if False not in allowed:
            return floors.apply(self.explorer.probabilities(mean, draws), self.floor)
        index = [i for i, is_allowed in enumerate(allowed) if is_allowed]
        some_draws = None if draws is None else draws[:, index]
        some = floors.apply(self.explorer.probabilities([mean[i] for i in index], some_draws), self.floor)
        pmf = [0.0] * len(mean)
        for i, p in zip(index, some, strict=True):
            pmf[i] = p
        return pmf

    def probabilities_of_many(self, contexts: Sequence[Context], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i, to 1e-12."""
        pmf = np.zeros((len(contexts), self.n_actions))
        for rows in self._chunks(len(contexts)):
            pmf[rows] = self._pmf_of_chunk(contexts[rows], allowed[rows])
        return pmf

    def rewards_of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, k) expected reward of every action, in the loop's reward unit."""
        rewards = np.empty((len(contexts), self.n_actions))
        for rows in self._chunks(len(contexts)):
            rewards[rows] = self.reward_model.predict(self.encoder.encode_many(contexts[rows])).mean
        return rewards

    def with_floor(self, floor: float) -> ScoredPolicy:
        """The same policy with another floor, in [0, 1]: a change of the spec's floor needs no new model."""
        return replace(self, floor=floors.check(floor))

    def greedy(self) -> ScoredPolicy:
        """The same policy without exploration: always the best allowed action, ties shared."""
        return replace(self, explorer=greedy.Greedy(), floor=0.0)

    def _pmf_of_chunk(self, contexts: Sequence[Context], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n, k) for a chunk; rows with the same mask are done together."""
        prediction = self.reward_model.predict(self.encoder.encode_many(contexts))
        pmf = np.zeros(prediction.mean.shape)
        masks, which = np.unique(allowed, axis=0, return_inverse=True)
        for number, mask in enumerate(masks):
            rows, index = np.flatnonzero(which.ravel() == number), np.flatnonzero(mask)
            cells = np.ix_(rows, index)
            draws = None if prediction.draws is None else prediction.draws[rows][..., index]
            mean: Columns = columns_of(prediction.mean[cells])
            pmf[cells] = np.stack(floors.apply(self.explorer.probabilities(mean, draws), self.floor), axis=-1)
        return pmf

    def _chunks(self, n: int) -> list[slice]:
        """Row ranges that together cover n rows."""
        widest = self.n_actions * max(self.reward_model.n_draws, 1) + self.encoder.n_features**2 // 2
        size = max(_CELLS_AT_ONCE // widest, 1)
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def baseline(labels: Sequence[str], choice: str, *, floor: float) -> ScoredPolicy:
    """The policy that decides while no model is live: `choice` is a label, `first` or `uniform`, served with the floor.

    Raises:
        UnknownName: `choice` is none of them.
    """
    return ScoredPolicy(Encoder([]), constant.create(labels, choice), greedy.Greedy(), floors.check(floor), len(labels))


def explorer_of(name: str, settings: dict[str, Any], *, n_examples: int, reward_span: float) -> Explorer:
    """An explorer by name, for a model of so many examples.

    Raises:
        UnknownName: no explorer has that name.
        BadSetting: a setting is outside its range.
    """
    made: Explorer = plugins.load(EXPLORERS, name).create(n_examples=n_examples, reward_span=reward_span, **settings)
    return made


def load(manifest: Manifest, tensors: bytes) -> ScoredPolicy:
    """The policy of a saved model: its manifest and the bytes of its tensors.safetensors.

    Raises:
        BadModel: the tensors are not those that the manifest names, or do not fit it.
        UnknownName: its policy or explorer is not installed.
    """
    found = hashlib.sha256(tensors).hexdigest()
    if found != manifest.tensors:
        raise BadModel(f"tensors.safetensors has SHA-256 {found}; the manifest says {manifest.tensors}. Copy the model again.")
    encoder = Encoder.from_json(manifest.features)
    model: RewardModel = plugins.load(POLICIES, manifest.policy).load(manifest.settings, safetensors.numpy.load(tensors))
    n_answers = model.predict(encoder.encode({})).mean.shape[-1]
    if n_answers != len(manifest.labels):
        raise BadModel(f"the model scores {n_answers} actions; its manifest has {len(manifest.labels)} labels. Train it again.")
    explore = manifest.explorer
    explorer = explorer_of(
        explore["name"], explore["settings"], n_examples=manifest.n_examples, reward_span=explore["reward_span"]
    )
    return ScoredPolicy(encoder, model, explorer, floors.check(explore["floor"]), len(manifest.labels))
