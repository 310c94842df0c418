"""A model under a newer spec: the actions may have changed since it was trained.

Question answered: what does a model of yesterday's actions do with today's? An action that it does not know gets its
share of the floor and nothing more, one that is gone gets nothing, and the floor is today's.
Letters: n contexts, k actions of today's spec.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.core.policy import Actions, Policy
from policyloop.policy import floor as floors
from policyloop.policy.scored import ScoredPolicy


def aligned(policy: ScoredPolicy, labels: Sequence[str], spec: LoopSpec) -> Policy:
    """The policy as it serves under a spec.

    Args:
        labels: the actions that the model was trained on, in order.
    """
    if tuple(labels) == spec.labels:
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
        self._old = np.array([old for old, _ in pairs], dtype=np.int64)
        self._new = np.array([new for _, new in pairs], dtype=np.int64)

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in today's order."""
        allowed = np.zeros(len(self._labels), dtype=bool)
        allowed[self._old] = actions.allowed[self._new]
        preference = np.zeros(len(actions.labels))
        if allowed.any():
            preference[self._new] = self._policy.probabilities(context, Actions(self._labels, allowed))[self._old]
        else:  # it knows none of those offered
            preference[actions.allowed] = 1.0 / actions.allowed.sum()
        pmf = np.zeros(len(actions.labels))
        pmf[actions.allowed] = floors.apply(preference[actions.allowed].tolist(), self._floor)
        return pmf

    def probabilities_of_many(self, contexts: Sequence[Context], allowed: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i."""
        labels = tuple(str(place) for place in range(allowed.shape[1]))
        rows = [self.probabilities(context, Actions(labels, may)) for context, may in zip(contexts, allowed, strict=True)]
        return np.array(rows).reshape(allowed.shape)
