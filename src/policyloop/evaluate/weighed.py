"""Weighed examples: what every estimator needs of a log and a target policy, computed once for all of them.

Question answered: how much does each example count, what was expected of it, and by how much was that wrong?
Letters: n examples, k actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.evaluate.arrays import checked, taken
from policyloop.evaluate.moments import parts
from policyloop.evaluate.overlap import ess


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """Checked examples of one target policy."""

    reward: NDArray[np.float64]  # (n,)
    weight: NDArray[np.float64]  # (n,) w = pi(a|x) / p; NaN where propensities were not asked for
    believed: NDArray[np.float64] | None  # (n,) sum_a pi(a|x) q(x,a); None without predictions
    residual: NDArray[np.float64] | None  # (n,) r - q(x,a) of the action taken; None without predictions
    ess: float  # of the weights, in [0, n]

    @property
    def n(self) -> int:
        """How many examples."""
        return len(self.reward)

    def foreseen(self, *, needed_by: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """`believed` and `residual`, for an estimator that cannot do without.

        Raises:
            Invalid: there are no predictions.
        """
        if self.believed is None or self.residual is None:
            told = f"is missing; {needed_by} needs the expected reward of each action, shape (n, k)."
            raise Invalid([Fault("predicted", told)])
        return self.believed, self.residual


def weigh(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None = None,
    is_weighted: bool = True,
) -> Weighed:
    """Check the examples, and weigh them.

    Args:
        reward: (n,) reward of the logged action, in the loop's reward unit.
        propensity: (n,) probability the logging policy gave that action, in (0, 1].
        action: (n,) index of the logged action, in [0, k).
        target_pmf: (n, k) probability the target policy gives each action.
        predicted: (n, k) expected reward of each action, by a model that never saw these examples.
        is_weighted: False where no weight is asked for; then `propensity` may hold anything.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number, and nothing else is wrong.
        Invalid: the arrays do not fit together; everything that is wrong is listed.
    """
    logged = checked(reward, propensity, action=action, target_pmf=target_pmf, predicted=predicted, is_weighted=is_weighted)
    n = len(logged.reward)
    weight = np.full(n, math.nan)
    believed = residual = None
    if is_weighted:
        weight = np.empty(n)
        for part in parts(n):
            weight[part] = taken(logged.target_pmf[part], logged.action[part]) / logged.propensity[part]  # w = pi(a|x) / p
    if logged.predicted is not None:
        believed, residual = np.empty(n), np.empty(n)
        for part in parts(n):
            expected = logged.predicted[part]
            believed[part] = np.einsum("nk,nk->n", logged.target_pmf[part], expected)
            residual[part] = logged.reward[part] - taken(expected, logged.action[part])
    return Weighed(logged.reward, weight, believed, residual, ess(weight) if is_weighted else math.nan)
