"""Simultaneous intervals: around several means at once, so that one may choose among them by looking.

Question answered: how wide must the intervals of several policies be, that all of them hold together? Means that go
together, as those of similar policies on the same examples do, ask for less than means that know nothing of one another.
Source: Hothorn, Bretz & Westfall 2008 (the largest of correlated normal values).
Letters: n examples, m means.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_DRAWS = 20_000


def simultaneous_z(phi: NDArray[np.float64], *, level: float = 0.95, seed: int = 0) -> float:
    """How many standard errors to each side make intervals that all hold at once with probability `level`.

    Args:
        phi: (m, n) what each example speaks for, of each mean; a mean whose examples all say the same asks for nothing.
        level: in (0, 1).
        seed: of the draws that the quantile is taken from.

    Returns:
        At least what one mean alone asks for.
    """
    single = NormalDist().inv_cdf(0.5 + level / 2)
    moving = phi[phi.std(axis=1) > 0] if phi.size else phi
    if len(moving) < 2:
        return single
    rng = np.random.default_rng(seed)
    draws = rng.multivariate_normal(np.zeros(len(moving)), np.corrcoef(moving), size=_DRAWS, method="eigh")
    return max(float(np.quantile(np.abs(draws).max(axis=1), level)), single)
