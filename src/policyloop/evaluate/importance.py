"""Importance: how much worse a model gets when the values of one field are dealt out anew among the decisions.

Question answered: which fields does this model live by, which does it not need, and which know too much? Two things can get
worse: what the policy would have earned, and how well rewards are foretold. Both are differences decision by decision, on
examples that nobody learned from.
Source: permutation importance, Breiman 2001; Fisher, Rudin & Dominici 2019 (arXiv:1801.01489).
Letters: n examples, k actions, s shuffles, c cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates, candidates_of
from policyloop.core.estimate import Estimate
from policyloop.core.example import Context, Examples
from policyloop.core.policy import Policy
from policyloop.evaluate.alone import Alone, alone
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.cells import plain
from policyloop.evaluate.compare import foretold_stderr, paired_differences
from policyloop.evaluate.interval import mean_estimate
from policyloop.evaluate.overlap import ess
from policyloop.evaluate.pieces import Piece, swapped
from policyloop.evaluate.predicted import PredictsRewards, predicted_rewards

N_SHUFFLES = 5
TRIFLE = 0.02  # of the rewards' variance, and of their range: less is worth nothing
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Dealt:
    """A field whose values can be dealt out anew."""

    name: str
    deal: Callable[[np.random.Generator], Examples]  # the same examples with this field's values shuffled
    values: Sequence[Any] | None  # (n,) of the context; None for features of candidates


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """What one field is worth to a model."""

    name: str
    value: Estimate  # reward per decision that is lost without the field
    error: Estimate  # rise of the mean squared error of the expected rewards
    variance: float  # of the rewards: what the error is measured against
    span: float  # the largest reward minus the smallest
    is_ignored: bool  # not one probability or expected reward changed
    alone: Alone | None  # how well the field by itself foretells the reward; None: it cannot be said

    @property
    def is_leaking(self) -> bool:
        """Whether it foretells the reward as nothing does that is known before the decision."""
        return self.alone is not None and self.alone.is_suspicious

    @property
    def is_unused(self) -> bool:
        """Whether the model would be as good without it: never looked at, or at most a trifle lost, for certain."""
        if self.is_ignored:
            return True
        (low_value, high_value), (low_error, high_error) = self.value.interval(), self.error.interval()
        covers_zero = low_value <= 0 <= high_value and low_error <= 0 <= high_error
        return covers_zero and high_value <= TRIFLE * self.span and high_error <= TRIFLE * self.variance

    @property
    def is_used(self) -> bool:
        """Whether something is lost without it, for certain."""
        return self.value.interval()[0] > _ROUNDING or self.error.interval()[0] > _ROUNDING


def importances(
    policy: Policy,
    rewards: PredictsRewards,
    *,
    examples: Examples,
    fields: Sequence[Dealt],
    low: float,
    high: float,
    rng: np.random.Generator,
    n_shuffles: int = N_SHUFFLES,
) -> list[Importance]:
    """Every field's importance, the greatest loss of value first.

    Args:
        policy: of the model, over the same actions as the examples.
        rewards: what the model expects of each action.
        examples: n that the model did not learn from, with known propensities.
        fields: what to shuffle, one at a time.
        low: the loop's smallest reward.
        high: its largest.
        rng: deals.
        n_shuffles: the differences of so many are averaged for each example.
    """
    pmf = _pmf(policy, examples)
    predicted = predicted_rewards(examples, [rewards], low=low, high=high)
    error = (examples.reward - taken(predicted, examples.action)) ** 2
    found = []
    for field in fields:
        dealt = [field.deal(rng) for _ in range(n_shuffles)]
        anew = [(_pmf(policy, one), predicted_rewards(one, [rewards], low=low, high=high)) for one in dealt]
        moved = _exact(pmf - np.mean([one for one, _ in anew], axis=0))
        risen = _exact(np.mean([(examples.reward - taken(one, examples.action)) ** 2 for _, one in anew], axis=0) - error)
        largest = max(float(np.abs(np.stack([one - pmf, its - predicted])).max(initial=0.0)) for one, its in anew)
        found.append(
            Importance(
                name=field.name,
                value=_value_lost(examples, moved, predicted),
                error=mean_estimate("error", risen, ess=float(len(examples))),
                variance=float(examples.reward.var()),
                span=high - low,
                is_ignored=largest <= _ROUNDING,
                alone=None if field.values is None else alone(field.values, examples),
            )
        )
    return sorted(found, key=lambda one: (-one.value.value, -one.error.value, one.name))


def of_context(examples: Examples, pieces: Sequence[Piece]) -> list[Dealt]:
    """The pieces of the context, each of which goes to another decision."""
    keyed = {
        field: {piece.key for piece in pieces if piece.field == field and piece.key} for field in {p.field for p in pieces}
    }

    def dealt(piece: Piece) -> Callable[[np.random.Generator], Examples]:
        def deal(rng: np.random.Generator) -> Examples:
            from_row = rng.permutation(len(examples)).tolist()
            contexts = examples.contexts
            mixed = [
                swapped(own, contexts[other], piece, keyed=keyed[piece.field])
                for own, other in zip(contexts, from_row, strict=True)
            ]
            return replace(examples, contexts=mixed)

        return deal

    return [
        Dealt(piece.name, dealt(piece), [plain(piece.value_in(context)) for context in examples.contexts]) for piece in pieces
    ]


def of_candidates(examples: Examples, pieces: Sequence[Piece]) -> list[Dealt]:
    """The pieces of the candidates' features, each of which goes to another candidate of any decision."""
    sets = examples.candidates
    assert sets is not None, "actions are labels, which have no features"
    everyone: list[Context] = [features for one in sets for features in one.features]
    keyed = {
        field: {piece.key for piece in pieces if piece.field == field and piece.key} for field in {p.field for p in pieces}
    }

    def dealt(piece: Piece) -> Callable[[np.random.Generator], Examples]:
        def deal(rng: np.random.Generator) -> Examples:
            from_place = iter(rng.permutation(len(everyone)).tolist())

            def anew(one: Candidates) -> Candidates:
                return candidates_of(
                    one.ids,
                    [swapped(own, everyone[next(from_place)], piece, keyed=keyed[piece.field]) for own in one.features],
                )

            return replace(examples, candidates=[anew(one) for one in sets])

        return deal

    return [Dealt(f"action {piece.name}", dealt(piece), None) for piece in pieces]


def _pmf(policy: Policy, examples: Examples) -> NDArray[np.float64]:
    return policy.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)


def _exact(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """The differences, where those of rounding are none."""
    return np.where(np.abs(differences) <= _ROUNDING, 0.0, differences)


def _value_lost(examples: Examples, moved: NDArray[np.float64], predicted: NDArray[np.float64]) -> Estimate:
    """What the model would have earned more than the one whose field was shuffled, with an honest error."""
    phi = paired_differences(examples, moved, predicted=predicted)
    seen = mean_estimate("dr", phi, ess=ess(phi))
    if not moved.any():
        return seen
    return replace(seen, stderr=max(seen.stderr, foretold_stderr(examples, moved, predicted=predicted)))
