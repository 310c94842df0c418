"""The arrays that every estimator takes, checked once at the door.

Question answered: do reward, action, probabilities and predictions speak about the same examples and actions?
Letters: n examples, k actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.errors import Fault, Invalid

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """Examples and a target policy as arrays that fit together."""

    reward: NDArray[np.float64]  # (n,) finite
    propensity: NDArray[np.float64]  # (n,) as given: it is checked where it is divided by
    action: NDArray[np.int64]  # (n,) in [0, k)
    target_pmf: NDArray[np.float64]  # (n, k) rows >= 0 that sum to 1
    predicted: NDArray[np.float64] | None  # (n, k) finite

    def predictions(self, *, needed_by: str) -> NDArray[np.float64]:
        """(n, k) expected rewards, for an estimator that cannot do without.

        Raises:
            Invalid: there are none.
        """
        if self.predicted is None:
            told = f"is missing; {needed_by} needs the expected reward of each action, shape (n, k)."
            raise Invalid([Fault("predicted", told)])
        return self.predicted


def taken(values: NDArray[np.float64], action: NDArray[np.int64]) -> NDArray[np.float64]:
    """The entry of each row (n, k) that belongs to the action taken (n,); an array (n,)."""
    return values[np.arange(len(action)), action]


def checked(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None,
) -> Logged:
    """What an estimator was given, as arrays; anything that NumPy takes for an array of numbers will do.

    Args:
        reward: (n,) finite.
        propensity: (n,) in (0, 1], which is checked where it is divided by.
        action: (n,) whole numbers in [0, k).
        target_pmf: (n, k) rows >= 0 that sum to 1.
        predicted: (n, k) finite, or None.

    Raises:
        Invalid: with all faults in the arrays.
    """
    faults: list[Fault] = []
    logged = Logged(
        reward=_numbers("reward", reward, faults),
        propensity=_numbers("propensity", propensity, faults),
        action=_indices(action, faults),
        target_pmf=_numbers("target_pmf", target_pmf, faults),
        predicted=None if predicted is None else _numbers("predicted", predicted, faults),
    )
    if not faults:
        faults = _shape_faults(logged) or _value_faults(logged.reward, logged.action, logged.target_pmf, logged.predicted)
    if faults:
        raise Invalid(faults, subject="the arrays to estimate from")
    return logged


def _numbers(name: str, given: ArrayLike, faults: list[Fault]) -> NDArray[np.float64]:
    """The values as floats; texts are not read as numbers."""
    try:
        values: NDArray[Any] = np.asarray(given)
        if values.dtype.kind not in "USmM":
            return values.astype(np.float64, copy=False)
        reason = f"holds {values.dtype.name}"
    except (TypeError, ValueError) as error:
        reason = f"is no array of numbers ({error})"
    faults.append(Fault(name, f"{reason}; expected numbers, in rows of equal length."))
    return np.empty(0)


def _indices(given: ArrayLike, faults: list[Fault]) -> NDArray[np.int64]:
    """Actions as places; whole numbers among floats are taken, as tables with gaps give them."""
    values = _numbers("action", given, faults)
    if (row := _first(values.ravel() != np.floor(values.ravel()))) is not None:
        faults.append(
            Fault(f"action[{row}]", f"is {values.ravel()[row]}; expected a whole number: the action's place, from 0.")
        )
        return np.empty(0, dtype=np.int64)
    return np.clip(values, -1, 2**53).astype(np.int64)


def _shape_faults(logged: Logged) -> list[Fault]:
    """Arrays that do not fit the rewards."""
    n = logged.reward.size
    one_for_each = (("reward", logged.reward), ("propensity", logged.propensity), ("action", logged.action))
    faults = [
        Fault(name, f"has shape {array.shape}; expected ({n},), as many as rewards.")
        for name, array in one_for_each
        if array.shape != (n,)
    ]
    faults += _table_faults("target_pmf", logged.target_pmf, n)
    return faults + (_table_faults("predicted", logged.predicted, n) if logged.predicted is not None else [])


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
