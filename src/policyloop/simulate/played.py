"""What was played, as the join would give it: examples without a detour through log and tables."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.event import Decision
from policyloop.core.example import Examples


def examples_of(
    decisions: Sequence[Decision], reward: NDArray[np.float64], *, k: int, candidates: Sequence[Candidates] | None = None
) -> Examples:
    """Examples of n decisions that could take every action.

    Args:
        decisions: n, in order, each with its pmf.
        reward: (n,) what each earned.
        k: how many actions each had.
        candidates: n sets; None where the actions are labels.
    """
    n = len(decisions)
    return Examples(
        contexts=[msgspec.json.decode(decision.context) for decision in decisions],
        candidates=candidates,
        allowed=np.ones((n, k), dtype=bool),
        action=np.array([decision.action[0] for decision in decisions], dtype=np.int64),
        reward=reward,
        propensity=np.array([decision.propensity for decision in decisions]),
        pmf=np.array([decision.probabilities() for decision in decisions]).reshape(n, k),
        split=np.array([decision.split for decision in decisions]),
        decided_at=np.array([decision.decided_at for decision in decisions], dtype=np.int64),
        is_fallback=np.array([decision.is_fallback for decision in decisions], dtype=bool),
        policy=np.array([decision.policy for decision in decisions], dtype=object),
    )
