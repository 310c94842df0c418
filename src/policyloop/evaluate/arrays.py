"""The arrays that every estimator takes, checked once at the door.

Question answered: do reward, action, probabilities and predictions speak about the same examples and actions?
Letters: n examples, k actions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.errors import Fault, Invalid

_SUM_TOLERANCE = 1e-6


def taken(values: NDArray[np.float64], action: NDArray[np.int64]) -> NDArray[np.float64]:
    """The entry of each row (n, k) that belongs to the action taken (n,); an array (n,)."""
    return values[np.arange(len(action)), action]


def check_arrays(
    reward: NDArray[np.float64],
    propensity: NDArray[np.float64],
    *,
    action: NDArray[np.int64],
    target_pmf: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
) -> None:
    """Check shapes and ranges; propensities are checked where they are divided by.

    Args:
        reward: (n,) finite.
        propensity: (n,)
        action: (n,) in [0, k).
        target_pmf: (n, k) rows >= 0 that sum to 1.
        predicted: (n, k) finite, or None.

    Raises:
        Invalid: with all faults in the arrays.
    """
    n = len(reward)
    faults = [
        Fault(name, f"has shape {array.shape}; expected ({n},), as many as rewards.")
        for name, array in (("reward", reward), ("propensity", propensity), ("action", action))
        if array.shape != (n,)
    ]
    faults += _table_faults("target_pmf", target_pmf, n)
    faults += _table_faults("predicted", predicted, n) if predicted is not None else []
    if not faults:
        faults = _value_faults(reward, action, target_pmf, predicted)
    if faults:
        raise Invalid(faults, subject="the arrays to estimate from")


def _table_faults(name: str, table: NDArray[np.float64], n: int) -> list[Fault]:
    if table.ndim == 2 and len(table) == n:
        return []
    return [Fault(name, f"has shape {table.shape}; expected ({n}, k): a row per example, a column per action.")]


def _value_faults(
    reward: NDArray[np.float64],
    action: NDArray[np.int64],
    target_pmf: NDArray[np.float64],
    predicted: NDArray[np.float64] | None,
) -> list[Fault]:
    """Faults of single entries, the first of each kind."""
    k = target_pmf.shape[1]
    faults = []
    if predicted is not None and predicted.shape[1] != k:
        faults.append(Fault("predicted", f"has {predicted.shape[1]} columns; expected {k}, as target_pmf has."))
    if (row := _first(~np.isfinite(reward))) is not None:
        faults.append(Fault(f"reward[{row}]", f"is {reward[row]}; expected a finite number."))
    if (row := _first((action < 0) | (action >= k))) is not None:
        faults.append(Fault(f"action[{row}]", f"is {action[row]}; expected 0 to {k - 1}."))
    is_pmf = np.isclose(target_pmf.sum(axis=1), 1.0, rtol=0.0, atol=_SUM_TOLERANCE) & (target_pmf >= 0).all(axis=1)
    if (row := _first(~is_pmf)) is not None:
        faults.append(Fault(f"target_pmf[{row}]", f"is {target_pmf[row]}; expected probabilities that sum to 1."))
    if predicted is not None and (row := _first(~np.isfinite(predicted).all(axis=1))) is not None:
        faults.append(Fault(f"predicted[{row}]", f"is {predicted[row]}; expected finite numbers."))
    return faults


def _first(bad: ArrayLike) -> int | None:
    """Index of the first true entry, or None."""
    rows = np.flatnonzero(bad)
    return int(rows[0]) if len(rows) else None
