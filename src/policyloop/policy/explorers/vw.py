"""VW: the probabilities that Vowpal Wabbit's own exploration gives, for the learner `vw`; the floor comes after.

Question answered: what would `--cb_explore_adf` do? Its egreedy, bag, cover, squarecb, regcb and softmax are asked for in
the learner's `arguments`. Where actions are masked, the others keep their proportions; where they had no probability
at all, the best of them by expected reward gets it.
Letters: n decisions, k allowed actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.policy.columns import Columns, columns_of, highest, rest_to_best

NEEDS = "pmf"
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True)
class Own:
    """The model's own probabilities, among the allowed actions."""

    n_draws: int = 1  # one row beside the means: the probability of each

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1, from the model's probabilities (..., 1, k)."""
        assert draws is not None, "vw was given no probabilities"
        own = draws[..., 0, :]
        total = own.sum(axis=-1, keepdims=True)
        is_nothing = total <= _NOTHING
        some = columns_of(np.where(is_nothing, 0.0, own / np.where(is_nothing, 1.0, total)))
        best = rest_to_best([0.0] * len(mean), mean, top=highest(mean))
        (lacks,) = columns_of(is_nothing)
        return [p + lacks * b for p, b in zip(some, best, strict=True)]


def create(*, n_examples: int, reward_span: float) -> Own:
    """The explorer of one model; how it explores is said in the learner's arguments."""
    return Own()
