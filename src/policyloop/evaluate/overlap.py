"""Overlap: whether the log has seen enough of what the target policy would do to say anything about it.

Question answered: how many examples is the weighted evidence worth, how heavy are the largest weights, do the weights add
up, and would the target policy do what the log never could? evaluate/belief.py makes one answer of it.
Source: effective sample size, Kish 1965; the mean weight as a check, Swaminathan & Joachims 2015 (NeurIPS 28).
Letters: n examples, k actions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadPropensity
from policyloop.evaluate.arrays import first_bad_propensity, row_sums
from policyloop.evaluate.moments import Parts, moments, parts, total

_TAIL = 100  # one example in so many is the tail


@dataclass(frozen=True, slots=True)
class Overlap:
    """How well logged examples cover a target policy."""

    n: int
    ess: float  # effective sample size, in [0, n]
    largest_share: float  # of the squared weight, by one example, in [0, 1]
    tail_share: float = 0.0  # of the squared weight, by the heaviest example in a hundred, in [0, 1]
    largest: float = 0.0  # weight
    mean_weight: float = 1.0  # expectation 1, when propensities are true and nothing is beyond the log's reach; NaN: n is 0
    mean_weight_z: float = 0.0  # how many standard errors the mean weight is from 1
    unsupported: float = math.nan  # share of the target's probability on actions that the log gave 0; NaN: it cannot be known


def importance_weights(propensity: NDArray[np.float64], target_prob: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much more often the target policy takes the logged action than the logging policy did.

    Args:
        propensity: (n,) probability the logging policy gave the logged action, in (0, 1].
        target_prob: (n,) probability the target policy gives that same action, in [0, 1].

    Returns:
        (n,) weights >= 0, with expectation 1.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
    """
    row = first_bad_propensity(propensity)
    if row is not None:
        raise BadPropensity(row, float(propensity[row]))
    return target_prob / propensity  # w = pi(a|x) / p


def ess(weights: NDArray[np.float64]) -> float:
    """Effective sample size: how many equally weighted examples carry as much; in [0, n], 0 when all weights are 0.

    Args:
        weights: (n,) of any sign; their sizes count.
    """
    return ess_of_parts(len(weights), lambda part: weights[part])


def ess_of_parts(n: int, weights: Parts) -> float:
    """The same of n weights that are computed part by part."""
    summed, squares = _sums(n, weights, scale=1.0)
    if not 1e-200 < squares < 1e200:  # squares of very small or very large weights must not vanish or overflow
        largest = max((float(np.abs(weights(part)).max()) for part in parts(n)), default=0.0)
        if largest == 0.0:
            return 0.0
        summed, squares = _sums(n, weights, scale=largest)
    return summed**2 / squares


def _sums(n: int, weights: Parts, *, scale: float) -> tuple[float, float]:
    """The sum of the sizes of the weights over `scale`, and that of their squares."""
    summed = squares = 0.0
    with np.errstate(over="ignore"):
        for part in parts(n):
            sizes = np.abs(weights(part)) / scale
            summed += float(sizes.sum())
            squares += float(sizes @ sizes)
    return summed, squares


def overlap(
    propensity: NDArray[np.float64],
    target_prob: NDArray[np.float64],
    *,
    target_pmf: NDArray[np.float64] | None = None,
    logged_pmf: NDArray[np.float64] | None = None,
) -> Overlap:
    """How well the examples cover the target policy.

    Args:
        propensity: (n,) probability the logging policy gave the logged action, in (0, 1].
        target_prob: (n,) probability the target policy gives that same action.
        target_pmf: (n, k) all its probabilities; None where the support is not asked for.
        logged_pmf: (n, k) all those of the logging policy; NaN rows where they were not logged.

    Raises:
        BadPropensity: an entry of `propensity` is outside (0, 1] or not a number.
    """
    weights = importance_weights(propensity, target_prob)
    n, largest = len(weights), float(weights.max(initial=0.0))
    if largest == 0.0:
        return Overlap(n, 0.0, 0.0, mean_weight=0.0 if n else math.nan, mean_weight_z=-math.inf if n else 0.0)
    squares = (weights / largest) ** 2
    whole, n_tail = float(squares.sum()), max(n // _TAIL, 1)
    told = _whole_pmfs(target_pmf, logged_pmf)
    seen = moments(n, lambda part: weights[part])
    stderr = seen.stderr if told is None else max(seen.stderr, _foretold_stderr(*told))
    away = seen.mean - 1.0
    return Overlap(
        n,
        ess(weights),
        1.0 / whole,
        tail_share=float(np.partition(squares, n - n_tail)[n - n_tail :].sum()) / whole,
        largest=largest,
        mean_weight=seen.mean,
        mean_weight_z=away / stderr if stderr > 0 else (0.0 if abs(away) < 1e-9 else math.copysign(math.inf, away)),
        unsupported=math.nan if told is None else _unsupported(*told),
    )


def _whole_pmfs(
    target: NDArray[np.float64] | None, logged: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Both policies' probabilities, of the rows where both are known; None where there is no such row."""
    if target is None or logged is None:
        return None
    is_known = ~np.isnan(logged).any(axis=1)
    if not is_known.any():
        return None
    return (target, logged) if is_known.all() else (target[is_known], logged[is_known])


def _unsupported(target: NDArray[np.float64], logged: NDArray[np.float64]) -> float:
    n = len(target)
    return total(n, lambda part: np.where(logged[part] == 0, target[part], 0.0).sum(axis=1)) / n


def _foretold_stderr(target: NDArray[np.float64], logged: NDArray[np.float64]) -> float:
    """Of the mean weight, by the probabilities alone: heavy examples that have not come yet are counted."""
    n = len(target)

    def second_moment(part: slice) -> NDArray[np.float64]:
        some = logged[part]
        squares: NDArray[np.float64] = np.where(some > 0, target[part] ** 2 / np.where(some > 0, some, 1.0), 0.0)
        return row_sums(squares)  # E[w^2 | x] of actions that the log could take

    return math.sqrt(max(total(n, second_moment) / n - 1.0, 0.0) / n)
