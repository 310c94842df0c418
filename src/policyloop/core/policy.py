"""A policy gives a probability to every action that is offered; it is immutable once made.

A learner turns examples into a reward model; features before it and an explorer behind it make that a policy.
Letters: n examples or contexts, k actions, d features, m pairs of context and candidate, e features of a candidate,
s posterior draws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.example import Context, ExampleBatch

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Actions:
    """Those offered, in order, and which of them may be taken."""

    labels: tuple[str, ...]  # labels, or the ids of candidates
    allowed: NDArray[np.bool_]  # (k,) at least one True
    candidates: Candidates | None = None  # what the caller brought along

    @staticmethod
    def of(labels: Sequence[str]) -> Actions:
        """All labels, all allowed."""
        return Actions(tuple(labels), np.ones(len(labels), dtype=bool))


class Policy(Protocol):
    """Context and actions in, a probability per action out."""

    def probabilities(self, context: Context, actions: Actions) -> NDArray[np.float64]:
        """(k,) float64 in the offered order, summing to 1; 0 for actions not allowed."""
        ...

    def probabilities_of_many(
        self, contexts: Sequence[Context], allowed: NDArray[np.bool_], candidates: Sequence[Candidates] | None = None
    ) -> NDArray[np.float64]:
        """(n, k): row i is what `probabilities` gives for context i, to 1e-12.

        Args:
            contexts: n
            allowed: (n, k); where candidates differ in number, k is the largest and the rest of a row is False.
            candidates: n sets, for loops whose callers bring the actions along.
        """
        ...


class SavedModel(Protocol):
    """What every reward model has: a name to be loaded by, and a way to be saved. Immutable."""

    @property
    def kind(self) -> str:
        """The plug-in of policy/policies that loads it."""
        ...

    @property
    def n_draws(self) -> int:
        """How many posterior draws are answered beside the means; 0 for most explorers."""
        ...

    def save(self) -> tuple[dict[str, Any], Tensors]:
        """(JSON settings, tensors) from which `load(settings, tensors)` of the same policy file makes it again, bit by bit."""
        ...


class RewardModel(SavedModel, Protocol):
    """The reward to expect of every label."""

    def predict(self, features: NDArray[np.float64]) -> Prediction:
        """Expected rewards for features of shape (d,) or (n, d)."""
        ...


class SharedRewardModel(SavedModel, Protocol):
    """The reward to expect of any candidate, from its features and those of the context; shared by all candidates."""

    def predict_pairs(self, pairs: Pairs) -> Prediction:
        """Expected rewards (m,) and draws (s, m)."""
        ...


class Pairs(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Candidates in their contexts, as numbers. Of one decision, all rows are 0; of many, they rise."""

    contexts: NDArray[np.float64]  # (n, d), the first feature is 1
    row: NDArray[np.intp]  # (m,) which context the candidate is offered in
    actions: NDArray[np.float64]  # (m, e), the first feature is 1
    ids: NDArray[np.intp]  # (m,) place among the ids that the model knows, -1 for none of them


class Prediction(msgspec.Struct, frozen=True, eq=False, gc=False):
    """Expected reward per action, and beside it what the explorer asked for (policy/needs.py): mostly posterior draws."""

    mean: NDArray[np.float64]  # (..., k), or (m,) for pairs
    draws: NDArray[np.float64] | None = None  # (..., s, k), or (s, m) for pairs


class Explorer(Protocol):
    """Turns predictions for the allowed actions into probabilities, before the floor. A pure function of its arguments."""

    @property
    def n_draws(self) -> int:
        """Posterior draws it needs from the reward model; 0 when the means are enough."""
        ...

    def probabilities(self, mean: Sequence[Any], draws: NDArray[np.float64] | None = None) -> Sequence[Any]:
        """A column per allowed action, summing to 1, from a column of expected rewards each and draws of (..., s, k).

        A column is a float (one decision) or an (n,) array (n of them). Masked actions are left out before and put
        back as 0 after, by policy/scored.py.
        """
        ...


class Learner(Protocol):
    """Examples in, reward model out; owns mutable state, hands out immutable models. A plug-in's `create` makes it."""

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        ...

    def reward_model(self, *, n_draws: int = 0) -> RewardModel:
        """What has been learned so far; later learning does not change it."""
        ...

    def progress(self) -> Mapping[str, float | str]:
        """Numbers for people: `n`, `progressive_loss` (mean squared error on examples before they were learned), ..."""
        ...


class SharedLearner(Protocol):
    """The same for candidates, from the features of those taken. A plug-in's `create_shared` makes it, where it has one."""

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples, which have `action_features` and `action_id`."""
        ...

    def reward_model(self, *, n_draws: int = 0) -> SharedRewardModel:
        """What has been learned so far; later learning does not change it."""
        ...

    def progress(self) -> Mapping[str, float | str]:
        """As of a `Learner`."""
        ...
