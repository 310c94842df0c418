"""The arrays that every estimator takes, checked once at the door.

Question answered: do reward, action, probabilities and predictions speak about the same examples and actions?
Letters: n examples, k actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from policyloop.core.errors import BadPropensity, Fault, Invalid
from policyloop.evaluate.moments import parts

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """Examples and a target policy as arrays that fit together."""

    reward: NDArray[np.float64]  # (n,) finite
    propensity: NDArray[np.float64]  # (n,) in (0, 1], unless nobody asks for weights
    action: NDArray[np.int64]  # (n,) in [0, k)
    target_pmf: NDArray[np.float64]  # (n, k) rows >= 0 that sum to 1
    predicted: NDArray[np.float64] | None  # (n, k) finite


def taken(values: NDArray[np.float64], action: NDArray[np.int64]) -> NDArray[np.float64]:
    """The entry of each row (n, k) that belongs to the action taken (n,); an array (n,)."""
    return np.take(values.reshape(-1), np.arange(0, values.size, values.shape[1]) + action) if values.size else np.empty(0)


def row_sums(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) the sum of each row; of short rows this is several times as fast as `table.sum(axis=1)`."""
    with np.errstate(invalid="ignore", over="ignore"):  # a row that is not finite has a sum that is not
        sums: NDArray[np.float64] = table @ np.ones(table.shape[1])
    return sums


def checked(
    reward: ArrayLike,
    propensity: ArrayLike,
    *,
    action: ArrayLike,
    target_pmf: ArrayLike,
    predicted: ArrayLike | None,
    is_weighted: bool = True,
) -> Logged:
    """What an estimator was given, as arrays; anything that NumPy takes for an array of numbers will do.

    Args:
        reward: (n,) finite.
        propensity: (n,) in (0, 1].
        action: (n,) whole numbers in [0, k).
        target_pmf: (n, k) rows >= 0 that sum to 1.
        predicted: (n, k) finite, or None.
        is_weighted: False where propensities are not looked at; then they may hold any number, and NaN.

    Raises:
        Invalid: with all faults in the arrays; of each kind the first row, its value, and how many more there are.
        BadPropensity: a propensity is bad, and nothing else is wrong.
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
        faults = _shape_faults(logged) or _value_faults(logged)
        row = first_bad_propensity(logged.propensity) if is_weighted and logged.propensity.ndim == 1 else None
        if row is not None and not faults:
            raise BadPropensity(row, float(logged.propensity[row]))
        if row is not None:
            told = f"is {logged.propensity[row]}; expected a probability in (0, 1]."
            faults.append(Fault(f"propensity[{row}]", told))
    if faults:
        raise Invalid(faults, subject="the arrays to estimate from")
    return logged


def first_bad_propensity(propensity: NDArray[np.float64]) -> int | None:
    """The first row whose propensity (n,) is outside (0, 1] or not a number; None when all are good."""
    if not len(propensity) or (propensity.min() > 0 and propensity.max() <= 1):  # a NaN is neither
        return None
    return _first(~((propensity > 0) & (propensity <= 1)))


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
    if isinstance(given, np.ndarray) and given.dtype.kind == "i":
        return given.astype(np.int64, copy=False)
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


def _value_faults(logged: Logged) -> list[Fault]:
    """Faults of single entries, of each kind the first with the number of the others."""
    k = logged.target_pmf.shape[1]
    action, predicted = logged.action, logged.predicted
    faults = []
    if predicted is not None and predicted.shape[1] != k:
        faults.append(Fault("predicted", f"has {predicted.shape[1]} columns; expected {k}, as target_pmf has."))
    if not np.isfinite(logged.reward.sum()):  # a sum of finite numbers may still overflow, so it is looked at closely
        faults += _of_rows("reward", logged.reward, ~np.isfinite(logged.reward), "a finite number")
    if len(action) and not (action.min() >= 0 and action.max() < k):
        faults += _of_rows("action", action, (action < 0) | (action >= k), f"0 to {k - 1}")
    faults += _of_rows("target_pmf", logged.target_pmf, _is_no_pmf(logged.target_pmf), "probabilities that sum to 1")
    if predicted is not None:
        faults += _of_rows("predicted", predicted, _is_not_finite(predicted), "finite numbers")
    return faults


def _is_no_pmf(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) which rows are not probabilities that sum to 1."""
    bad = np.zeros(len(table), dtype=bool)
    for part in parts(len(table)):
        some = table[part]
        off = np.abs(row_sums(some) - 1.0)
        if not (off.max() <= _SUM_TOLERANCE and some.min() >= 0):  # NaN fails both
            bad[part] = ~((off <= _SUM_TOLERANCE) & (some >= 0).all(axis=1))
    return bad


def _is_not_finite(table: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) which rows hold an infinity or no number."""
    bad = np.zeros(len(table), dtype=bool)
    for part in parts(len(table)):
        if not np.isfinite(row_sums(table[part])).all():
            bad[part] = ~np.isfinite(table[part]).all(axis=1)
    return bad


def _of_rows(name: str, values: NDArray[Any], bad: NDArray[np.bool_], expected: str) -> list[Fault]:
    """The fault of the first bad row, if any, and how many more rows have it."""
    rows = np.flatnonzero(bad)
    if not len(rows):
        return []
    row, more = int(rows[0]), len(rows) - 1
    end = f" So are {more:,} more rows." if more > 1 else " So is one more row." if more else ""
    return [Fault(f"{name}[{row}]", f"is {values[row]}; expected {expected}.{end}")]


def _first(bad: ArrayLike) -> int | None:
    """Index of the first true entry, or None."""
    rows = np.flatnonzero(bad)
    return int(rows[0]) if len(rows) else None
