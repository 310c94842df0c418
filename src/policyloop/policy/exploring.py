"""Exploring: predictions become probabilities of the actions that are allowed, and 0 for all others.

Question answered: with which probability is each offered action taken, given what each is expected to bring? Actions
that are not allowed are taken out before the explorer sees the predictions and come back with probability 0, so that no
explorer can put mass on one. The floor is spread last.
Letters: n contexts, k actions, s posterior draws.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from policyloop.core.policy import Explorer, Prediction
from policyloop.policy import floor as floors
from policyloop.policy.columns import Columns, columns_of


def explored(prediction: Prediction, allowed: Sequence[bool], *, explorer: Explorer, floor: float) -> list[float]:
    """k probabilities for one decision, without NumPy's price for small arrays.

    Args:
        prediction: mean (k,), draws (s, k) where the explorer asks for some.
        allowed: k, at least one True.
    """
    mean, draws = prediction.mean.tolist(), prediction.draws
    if False not in allowed:
        return floors.apply(explorer.probabilities(mean, draws), floor)
    index = [i for i, is_allowed in enumerate(allowed) if is_allowed]
    some_draws = None if draws is None else draws[:, index]
    some = floors.apply(explorer.probabilities([mean[i] for i in index], some_draws), floor)
    pmf = [0.0] * len(mean)
    for i, p in zip(index, some, strict=True):
        pmf[i] = p
    return pmf


def explored_many(
    prediction: Prediction, allowed: NDArray[np.bool_], *, explorer: Explorer, floor: float
) -> NDArray[np.float64]:
    """(n, k); row i is what `explored` gives for it, to 1e-12.

    Args:
        prediction: mean (n, k), draws (n, s, k) where the explorer asks for some.
        allowed: (n, k), at least one True a row.
    """
    pmf = np.zeros(prediction.mean.shape)
    count = allowed.sum(axis=1)
    for k in np.unique(count):  # rows with as many allowed actions are done together, whichever they are
        rows = np.flatnonzero(count == k)
        places = np.argsort(~allowed[rows], axis=1, kind="stable")[:, :k]
        mean: Columns = columns_of(np.take_along_axis(prediction.mean[rows], places, axis=1))
        draws = None
        if prediction.draws is not None:
            draws = np.take_along_axis(prediction.draws[rows], places[:, np.newaxis], axis=2)
        found = np.stack(floors.apply(explorer.probabilities(mean, draws), floor), axis=-1)
        pmf[rows[:, np.newaxis], places] = found
    return pmf
