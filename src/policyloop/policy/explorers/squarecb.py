"""SquareCB: the further an action falls behind the best, the less often it is tried (inverse gap weighting).

Question answered: how much is each action worth trying, given how much worse it looks and how much we know?
Source: Foster & Rakhlin 2020 (arXiv:2002.04926), eq. 4; Abe & Long 1999.
Letters: k allowed actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.search_space import Between
from policyloop.policy.columns import Columns, highest, rest_to_best

SEARCHED = {"gamma_scale": Between(10.0, 1000.0, is_log=True)}


@dataclass(frozen=True, slots=True)
class SquareCB:
    """Inverse gap weighting with a gamma in 1 / reward unit."""

    gamma: float
    n_draws: int = 0

    def probabilities(self, mean: Columns, draws: NDArray[np.float64] | None = None) -> list[Any]:
        """One column per allowed action, summing to 1."""
        k = len(mean)
        top = highest(mean)
        gamma = self.gamma
        # p_a = 1 / (k + gamma (best - mean_a)); the best takes the rest.
        return rest_to_best([1.0 / (k + gamma * (top - m)) for m in mean], mean, top=top)


def create(*, n_examples: int, reward_span: float, gamma_scale: float = 100.0, gamma_exponent: float = 0.75) -> SquareCB:
    """The explorer of one model: `gamma = gamma_scale * n_examples ** gamma_exponent / reward_span`.

    Args:
        n_examples: how many examples the model learned from; frozen in it, so that the policy never changes while it serves.
        reward_span: width of the reward's range, in the loop's reward unit, over 0.
        gamma_scale: the larger, the less is explored. The floor explores too, so this may be large.
        gamma_exponent: how fast exploration fades as examples come in; theory asks for 0.5 when rewards are noisy, and
            for 1 when they are nearly certain (Foster & Krishnamurthy 2021, arXiv:2107.02237).

    Raises:
        BadSetting: a setting is negative.
    """
    if gamma_scale < 0 or gamma_exponent < 0:
        raise BadSetting(
            f"explore.gamma_scale is {gamma_scale} and explore.gamma_exponent {gamma_exponent}; expected numbers of 0 or more."
        )
    return SquareCB(gamma_scale * max(n_examples, 1) ** gamma_exponent / reward_span)
