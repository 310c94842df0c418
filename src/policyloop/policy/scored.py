"""Scored: encoder, reward model, explorer and floor make a policy over labels; this is what serves.

Question answered: with which probability is each label taken in this context? Where the caller brings the actions along,
`policy/scored_candidates.py` answers instead; `load` makes whichever a saved model is.
Letters: n contexts, k actions, d features, s posterior draws.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.candidates import Candidates
from policyloop.core.errors import BadModel
from policyloop.core.example import Context
from policyloop.core.loop import ActionSpec
from policyloop.core.model import Manifest
from policyloop.core.policy import Actions, Explorer, Pairs, RewardModel, SharedRewardModel, Tensors
from policyloop.core.state import StateEncoder
from policyloop.policy import boxed
from policyloop.policy import floor as floors
from policyloop.policy.boxed import BoxPolicy
from policyloop.policy.candidate_features import CandidateEncoder
from policyloop.policy.explorers import greedy
from policyloop.policy.exploring import explored, explored_many
from policyloop.policy.features import Encoder
from policyloop.policy.policies import constant
from policyloop.policy.scored_candidates import ScoredCandidates
from policyloop.policy.support import Support, support_of

EXPLORERS = "policyloop.policy.explorers"
POLICIES = "policyloop.policy.policies"
STATE = "state"  # the `kind` of a manifest's features where the model is of episodes
_CELLS_AT_ONCE = 2**22  # predictions held at a time, so that a long table needs no more memory than a short one


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPolicy:
    """A policy that scores the actions and explores on the scores. Immutable, and safe to share between threads."""

    encoder: Encoder | StateEncoder
    reward_model: RewardModel
    explorer: Explorer
    floor: float
    n_actions: int
    support: Support | None = None  # of models of episodes, where they have learned from; None: it does not tell

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in the offered order, summing to 1; 0 for actions not allowed."""
        return np.array(self.pmf(context, actions.allowed.tolist()))

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: Candidates | None = None) -> list[float]:
        """The same as a list, without NumPy's price for small arrays; this is what a decision uses."""
        prediction = self.reward_model.predict(self.encoder.encode(context))
        return explored(prediction, allowed, explorer=self.explorer, floor=self.floor)

    def probabilities_of_many(
        self, contexts: Sequence[Context], allowed: NDArray[np.bool_], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i, to 1e-12."""
        pmf = np.zeros((len(contexts), self.n_actions))
        for rows in self._chunks(len(contexts)):
            pmf[rows] = self._pmf_of_chunk(contexts[rows], allowed[rows])
        return pmf

    def rewards_of_many(
        self, contexts: Sequence[Context], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k) expected reward of every action, in the loop's reward unit."""
        rewards = np.empty((len(contexts), self.n_actions))
        for rows in self._chunks(len(contexts)):
            rewards[rows] = self.reward_model.predict(self.encoder.encode_many(contexts[rows])).mean
        return rewards

    def action_value(self, context: Context, place: int) -> float | None:
        """The return that is expected of one action, at the least; None of a model that looks at the next reward alone."""
        if not isinstance(self.encoder, StateEncoder):
            return None
        return float(self.reward_model.predict(self.encoder.encode(context)).mean[place])

    def is_within_history(self, context: Context) -> bool:
        """Whether the state lies where it has learned from."""
        return self.support is None or self.support.holds(self.encoder.encode(context))

    def with_floor(self, floor: float) -> ScoredPolicy:
        """The same policy with another floor, in [0, 1]: a change of the spec's floor needs no new model."""
        return replace(self, floor=floors.check(floor))

    def greedy(self) -> ScoredPolicy:
        """The same policy without exploration: always the best allowed action, ties shared."""
        return replace(self, explorer=greedy.Greedy(), floor=0.0)

    def _pmf_of_chunk(self, contexts: Sequence[Context], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n, k) for a chunk."""
        prediction = self.reward_model.predict(self.encoder.encode_many(contexts))
        return explored_many(prediction, allowed, explorer=self.explorer, floor=self.floor)

    def _chunks(self, n: int) -> list[slice]:
        """Row ranges that together cover n rows."""
        n_features = self.encoder.n_features if isinstance(self.encoder, Encoder) else math.prod(self.encoder.shape)
        widest = self.n_actions * max(self.reward_model.n_draws, 1) + n_features**2 // 2
        size = max(_CELLS_AT_ONCE // widest, 1)
        return [slice(start, min(start + size, n)) for start in range(0, n, size)]


Scored = ScoredPolicy | ScoredCandidates
Loaded = ScoredPolicy | ScoredCandidates | BoxPolicy


def baseline(actions: ActionSpec, choice: str, *, floor: float) -> Scored:
    """The policy that decides while no model is live, served with the floor.

    Args:
        choice: a label or known id, `first` or `uniform`.

    Raises:
        UnknownName: `choice` is none of them.
    """
    if actions.kind == "discrete":
        model = constant.create(actions.labels, choice)
        return ScoredPolicy(Encoder([]), model, greedy.Greedy(), floors.check(floor), len(actions.labels))
    ids = CandidateEncoder(Encoder([]), actions.ids)
    shared = constant.create_shared(actions.ids, choice)
    return ScoredCandidates(Encoder([]), ids, shared, greedy.Greedy(), floors.check(floor))


def explorer_of(name: str, settings: dict[str, Any], *, n_examples: int, reward_span: float) -> Explorer:
    """An explorer by name, for a model of so many examples.

    Raises:
        UnknownName: no explorer has that name.
        BadSetting: a setting is outside its range.
    """
    made: Explorer = plugins.load(EXPLORERS, name).create(n_examples=n_examples, reward_span=reward_span, **settings)
    return made


def load(manifest: Manifest, tensors: bytes) -> Loaded:
    """The policy of a saved model: its manifest and the bytes of its tensors.safetensors.

    Raises:
        BadModel: the tensors are not those that the manifest names, or do not fit it.
        UnknownName: its policy or explorer is not installed.
    """
    found = hashlib.sha256(tensors).hexdigest()
    if found != manifest.tensors:
        raise BadModel(f"tensors.safetensors has SHA-256 {found}; the manifest says {manifest.tensors}. Copy the model again.")
    arrays = safetensors.numpy.load(tensors)
    if is_of_states(manifest):
        return _of_states(manifest, arrays)
    explorer = _explorer(manifest)
    encoder, floor = Encoder.from_json(manifest.features), floors.check(manifest.explorer["floor"])
    kind = plugins.load(POLICIES, manifest.policy)
    if manifest.action_features is None:
        model = _of_labels(kind.load(manifest.settings, arrays), encoder, manifest)
        return ScoredPolicy(encoder, model, explorer, floor, len(manifest.labels))
    candidates = CandidateEncoder(Encoder.from_json(manifest.action_features), manifest.labels)
    shared = _of_pairs(kind.load_shared(manifest.settings, arrays), encoder, candidates)
    return ScoredCandidates(encoder, candidates, shared, explorer, floor)


def load_scored(manifest: Manifest, tensors: bytes) -> Scored:
    """The same, of a model over labels or candidates.

    Raises:
        BadModel: as above, or its actions are numbers.
        UnknownName: as above.
    """
    policy = load(manifest, tensors)
    if isinstance(policy, BoxPolicy):
        raise BadModel("the model's actions are numbers, which have densities; expected one over labels. Take another model.")
    return policy


def is_of_states(manifest: Manifest) -> bool:
    """Whether a model looks ahead, over episodes: it takes states, which are not scaled ahead of it."""
    return manifest.features.get("kind") == STATE


def _of_states(manifest: Manifest, tensors: Tensors) -> Loaded:
    """The policy of a model of episodes: over numbers a `BoxPolicy`, over labels one that scores them by what follows."""
    encoder = StateEncoder.from_json(manifest.features)
    kind = plugins.load(POLICIES, manifest.policy)
    model = kind.load(manifest.settings, tensors)
    if not hasattr(kind, "served"):
        scored = _of_labels(model, encoder, manifest)
    else:
        boxed.check_states(model, encoder)
        if model.n_numbers:
            return boxed.box_policy(kind.served(model), encoder, manifest, support=support_of(tensors))
        scored = _of_labels(kind.served(model), encoder, manifest)
    floor, k = floors.check(manifest.explorer["floor"]), len(manifest.labels)
    return ScoredPolicy(encoder, scored, _explorer(manifest), floor, k, support_of(tensors))


def _explorer(manifest: Manifest) -> Explorer:
    explore = manifest.explorer
    return explorer_of(explore["name"], explore["settings"], n_examples=manifest.n_examples, reward_span=explore["reward_span"])


def _of_labels(model: RewardModel, encoder: Encoder | StateEncoder, manifest: Manifest) -> RewardModel:
    """The model, when it answers for as many actions as it has labels."""
    features = encoder.encode({}) if isinstance(encoder, Encoder) else np.zeros(encoder.shape, encoder.dtype)
    n_answers = model.predict(features).mean.shape[-1]
    if n_answers != len(manifest.labels):
        raise BadModel(f"the model scores {n_answers} actions; its manifest has {len(manifest.labels)} labels. Train it again.")
    return model


def _of_pairs(model: SharedRewardModel, encoder: Encoder, candidates: CandidateEncoder) -> SharedRewardModel:
    """The model, when it takes the features that the encoders make."""
    actions = candidates.encoder.encode({})[np.newaxis]
    nothing = np.zeros(1, dtype=np.intp)
    try:
        model.predict_pairs(Pairs(encoder.encode({})[np.newaxis], nothing, actions, nothing - 1))
    except (ValueError, IndexError) as error:
        raise BadModel(f"the model does not take the features of its manifest: {error}. Train it again.") from error
    return model
