"""Examples of chance: what a benchmark trains a model on where only its cost counts, not what it knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from policyloop.core.example import Context, Examples
from policyloop.core.model import BASELINE


def examples_of_chance(contexts: Sequence[Context], k: int, rng: np.random.Generator) -> Examples:
    """One example a context: any of k actions, each as likely, with a reward of 0 or 1."""
    n = len(contexts)
    return Examples(
        contexts=contexts,
        allowed=np.ones((n, k), dtype=bool),
        action=rng.integers(k, size=n),
        reward=rng.integers(2, size=n).astype(float),
        propensity=np.full(n, 1 / k),
        pmf=np.full((n, k), 1 / k),
        split=rng.random(n),
        decided_at=np.arange(n, dtype=np.int64) * 1_000_000,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.full(n, BASELINE, dtype=object),
    )
