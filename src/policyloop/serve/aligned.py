"""A model under a newer spec: the actions may have changed since it was trained.

Question answered: what does a model of yesterday's actions do with today's? An action that it does not know gets its
share of the floor and nothing more, one that is gone gets nothing, and the floor is today's.
Letters: n contexts, k actions of today's spec.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.errors import BadModel
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.core.policy import Actions
from policyloop.ingest.parts import part_names
from policyloop.policy import floor as floors
from policyloop.policy.boxed import BoxPolicy
from policyloop.policy.scored import Loaded, Scored, ScoredPolicy
from policyloop.policy.scored_candidates import ScoredCandidates


def ready(policy: Loaded, labels: Sequence[str], spec: LoopSpec) -> Scored | Aligned | BoxPolicy:
    """A policy of any kind as it serves under a spec.

    Args:
        labels: as for `aligned`; of a policy over numbers the names of these, after those of labelled parts.

    Raises:
        BadModel: its actions are numbers and the spec's are not, or the other way round, or they are other numbers, or other
            labels stand beside them.
    """
    if not spec.has_box:
        if isinstance(policy, BoxPolicy):
            raise BadModel("the model's actions are numbers, and the loop's are not; expected a model of this loop.")
        return aligned(policy, labels, spec)
    names, choices = part_names(spec.actions), tuple(part.labels for part in spec.actions.choices)
    if not isinstance(policy, BoxPolicy) or list(labels) != names:
        expected = ", ".join(part.name for part in spec.actions.box) if not choices else f"{', '.join(names)}, labels first"
        raise BadModel(f"the model's actions are {', '.join(labels)}; expected the numbers {expected}. Train it again.")
    if policy.model.choices != choices:
        told = " and ".join(str(list(some)) for some in policy.model.choices) or "none"
        expected = " and ".join(str(list(some)) for some in choices) or "none"
        raise BadModel(f"the labels beside the model's numbers are {told}; expected {expected}. Train it again.")
    return policy.with_floor(spec.explore.floor)


def aligned(policy: Scored, labels: Sequence[str], spec: LoopSpec) -> Scored | Aligned:
    """The policy as it serves under a spec.

    Args:
        labels: the actions that the model was trained on, in order. Candidates come with each decision, so a policy over
            them needs no fitting.
    """
    if isinstance(policy, ScoredCandidates) or tuple(labels) == spec.labels:
        return policy.with_floor(spec.explore.floor)
    return Aligned(policy, labels, spec)


class Aligned:
    """A policy whose actions are not those of the spec, fitted to them by label."""

    def __init__(self, policy: ScoredPolicy, labels: Sequence[str], spec: LoopSpec) -> None:
        self._policy = policy.with_floor(0.0)  # the floor is spread below, over today's actions
        self._labels = tuple(labels)
        self._floor = floors.check(spec.explore.floor)
        place_of_label = {label: place for place, label in enumerate(spec.labels)}
        pairs = [(old, place_of_label[label]) for old, label in enumerate(self._labels) if label in place_of_label]
        self._pairs = tuple(pairs)  # (place among the model's actions, place among today's)
        self._old, self._new = [old for old, _ in pairs], [new for _, new in pairs]
        self._n_today = len(spec.labels)
        self.support = policy.support

    def action_value(self, context: Context, place: int) -> float | None:
        """The return that is expected of one action by its place today; None of one that the model does not know."""
        known = {new: old for old, new in self._pairs}
        return self._policy.action_value(context, known[place]) if place in known else None

    def is_within_history(self, context: Context) -> bool:
        """Whether the state lies where the model has learned from."""
        return self._policy.is_within_history(context)

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: Candidates | None = None) -> list[float]:
        """k probabilities in today's order."""
        its_own = [False] * len(self._labels)
        for old, new in self._pairs:
            its_own[old] = allowed[new]
        preference = [0.0] * len(allowed)
        if any(its_own):
            preferred = self._policy.pmf(context, its_own)
            for old, new in self._pairs:
                preference[new] = preferred[old]
        else:  # it knows none of those offered
            preference = [may / sum(allowed) for may in allowed]
        some = iter(floors.apply([q for q, may in zip(preference, allowed, strict=True) if may], self._floor))
        return [next(some) if may else 0.0 for may in allowed]

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in today's order."""
        return np.array(self.pmf(context, actions.allowed.tolist()))

    def probabilities_of_many(
        self, contexts: Sequence[Context], allowed: NDArray[np.bool_], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i."""
        its_own = np.zeros((len(contexts), len(self._labels)), dtype=bool)
        its_own[:, self._old] = allowed[:, self._new]
        knows_some = np.flatnonzero(its_own.any(axis=1)).tolist()
        some = [contexts[row] for row in knows_some]
        preference = np.where(allowed, 1.0, 0.0) / allowed.sum(axis=1, keepdims=True)
        preference[knows_some] = self._in_todays_order(self._policy.probabilities_of_many(some, its_own[knows_some]), 0.0)
        return floors.apply_to_many(preference, allowed, self._floor)

    def rewards_of_many(
        self, contexts: Sequence[Context], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k) expected reward of every action in today's order; of one that the model does not know, their mean."""
        rewards = self._policy.rewards_of_many(contexts)
        return self._in_todays_order(rewards, rewards.mean(axis=1, keepdims=True))

    def _in_todays_order(self, of_labels: NDArray[np.float64], of_others: ArrayLike) -> NDArray[np.float64]:
        """(n, k) in the model's order -> (n, k) in today's, with `of_others` for what the model does not know."""
        today = np.full((len(of_labels), self._n_today), of_others, dtype=np.float64)
        today[:, self._new] = of_labels[:, self._old]
        return today
