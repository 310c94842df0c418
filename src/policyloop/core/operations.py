"""What each operation of a reward expression means: on columns of numbers, and on the intervals they lie in.

Question answered: given every input lies between its bounds, between which bounds does the result lie?
Source: interval arithmetic (Moore 1966). Arithmetic saturates at +-HUGE, so that no column ever holds an infinity
or a NaN. Where a result would be undefined (a divisor of 0, the root of a negative number), columns get the
definition stated at the operation, and intervals raise `Undefined`, so that a spec that could get there is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
Interval = tuple[float, float]  # low <= high, both finite: +-HUGE stands for unbounded

HUGE = 1e100
MAX_EXPONENT = 8
_SLACK = 4 * 2.0**-52  # of the value: a few units in the last place


class Undefined(ValueError):
    """An interval holds values for which the operation has no result; the message says which and the way out."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operator or function: how many arguments it takes, and its two meanings."""

    min_args: int
    max_args: int
    on_columns: Callable[..., Column]
    on_intervals: Callable[..., Interval]


def saturate(column: Column) -> Column:
    """The column with everything beyond +-HUGE, infinities included, brought back to it."""
    return np.minimum(np.maximum(column, -HUGE), HUGE)


def _saturated(number: float) -> float:
    return max(min(number, HUGE), -HUGE)


def _spread(candidates: list[float]) -> Interval:
    """The smallest interval that holds all candidates, saturated."""
    return _saturated(min(candidates)), _saturated(max(candidates))


def _widen(low: float, high: float) -> Interval:
    """A little wider: vectorised transcendental functions may differ from scalar ones in the last digits."""
    return _saturated(low - _SLACK * abs(low)), _saturated(high + _SLACK * abs(high))


def _add(a: Interval, b: Interval) -> Interval:
    return _spread([a[0] + b[0], a[1] + b[1]])


def _subtract(a: Interval, b: Interval) -> Interval:
    return _spread([a[0] - b[1], a[1] - b[0]])


def _multiply(a: Interval, b: Interval) -> Interval:
    return _spread([x * y for x, y in product(a, b)])


def _divide_columns(a: Column, b: Column) -> Column:
    """a / b, and 0 where b is 0."""
    is_zero = b == 0
    return saturate(np.where(is_zero, 0.0, a / np.where(is_zero, 1.0, b)))


def _divide(a: Interval, b: Interval) -> Interval:
    if b[0] <= 0 <= b[1]:
        raise Undefined(f"the divisor can be 0 (it lies in {show(b)}); keep it away from 0, for example with max(..., 1)")
    return _spread([_quotient(x, y) for x, y in product(a, b)])


def _quotient(x: float, y: float) -> float:
    """x / y with overflow to infinity instead of an error."""
    with np.errstate(all="ignore"):
        return float(np.float64(x) / np.float64(y))


def _power_columns(base: Column, exponent: Column) -> Column:
    """base ** exponent; a base outside the domain counts as 0, and 0 to a negative exponent is 0."""
    e = float(exponent)
    kept = base if e.is_integer() else np.maximum(base, 0.0)
    if e >= 0:
        return saturate(kept**e)
    is_zero = kept == 0
    return saturate(np.where(is_zero, 0.0, np.where(is_zero, 1.0, kept) ** e))


def _power(base: Interval, exponent: Interval) -> Interval:
    e = exponent[0]
    if not e.is_integer() and base[0] < 0:
        raise Undefined(f"the base of a broken power can be negative (it lies in {show(base)}); use abs(...) or max(..., 0)")
    if e < 0 and base[0] <= 0 <= base[1]:
        raise Undefined(f"the base of a negative power can be 0 (it lies in {show(base)}); keep it away from 0")
    corners = [*base, 0.0] if base[0] < 0 < base[1] else [*base]
    with np.errstate(all="ignore"):
        return _widen(*_spread([float(np.float64(x) ** e) for x in corners]))


def _absolute(a: Interval) -> Interval:
    smallest = 0.0 if a[0] <= 0 <= a[1] else min(abs(a[0]), abs(a[1]))
    return smallest, max(abs(a[0]), abs(a[1]))


def _square_root(a: Interval) -> Interval:
    if a[0] < 0:
        raise Undefined(f"sqrt of a negative number (its argument lies in {show(a)}); use sqrt(max(..., 0))")
    return math.sqrt(a[0]), math.sqrt(a[1])


def _log1p(a: Interval) -> Interval:
    if a[0] <= -1:
        raise Undefined(f"log1p of -1 or less (its argument lies in {show(a)}); use log1p(max(..., 0))")
    return _widen(math.log1p(a[0]), math.log1p(a[1]))


def _exponential(a: Interval) -> Interval:
    with np.errstate(all="ignore"):
        return _widen(*_spread([float(np.exp(np.float64(x))) for x in a]))


def _least(*intervals: Interval) -> Interval:
    return min(i[0] for i in intervals), min(i[1] for i in intervals)


def _greatest(*intervals: Interval) -> Interval:
    return max(i[0] for i in intervals), max(i[1] for i in intervals)


def _clip_columns(a: Column, low: Column, high: Column) -> Column:
    return np.minimum(np.maximum(a, low), high)


def _clip(a: Interval, low: Interval, high: Interval) -> Interval:
    return _least(_greatest(a, low), high)


def _where_columns(condition: Column, yes: Column, no: Column) -> Column:
    return np.where(condition != 0, yes, no)


def _where(condition: Interval, yes: Interval, no: Interval) -> Interval:
    if condition == (0.0, 0.0):
        return no
    return _spread([*yes, *no]) if condition[0] <= 0 <= condition[1] else yes


def _truth(always: bool, never: bool) -> Interval:
    """Of a comparison that holds for all values, for none, or for some."""
    return (1.0, 1.0) if always else (0.0, 0.0) if never else (0.0, 1.0)


def _less(a: Interval, b: Interval) -> Interval:
    return _truth(a[1] < b[0], a[0] >= b[1])


def _at_most(a: Interval, b: Interval) -> Interval:
    return _truth(a[1] <= b[0], a[0] > b[1])


def _equal(a: Interval, b: Interval) -> Interval:
    return _truth(a[0] == a[1] == b[0] == b[1], a[1] < b[0] or b[1] < a[0])


def _not(a: Interval) -> Interval:
    return _truth(a == (0.0, 0.0), a[0] > 0 or a[1] < 0)


def _both(a: Interval, b: Interval) -> Interval:
    return _least(_not(_not(a)), _not(_not(b)))


def _either(a: Interval, b: Interval) -> Interval:
    return _greatest(_not(_not(a)), _not(_not(b)))


def _as_number(truth: NDArray[np.bool_]) -> Column:
    """1 where true, 0 elsewhere: a comparison is a number like any other."""
    return np.asarray(truth, dtype=np.float64)


OPERATORS = {
    "+": Operation(2, 2, lambda a, b: saturate(a + b), _add),
    "-": Operation(2, 2, lambda a, b: saturate(a - b), _subtract),
    "*": Operation(2, 2, lambda a, b: saturate(a * b), _multiply),
    "/": Operation(2, 2, _divide_columns, _divide),
    "**": Operation(2, 2, _power_columns, _power),
    "negate": Operation(1, 1, np.negative, lambda a: (-a[1], -a[0])),
    "<": Operation(2, 2, lambda a, b: _as_number(a < b), _less),
    "<=": Operation(2, 2, lambda a, b: _as_number(a <= b), _at_most),
    ">": Operation(2, 2, lambda a, b: _as_number(a > b), lambda a, b: _less(b, a)),
    ">=": Operation(2, 2, lambda a, b: _as_number(a >= b), lambda a, b: _at_most(b, a)),
    "==": Operation(2, 2, lambda a, b: _as_number(a == b), _equal),
    "!=": Operation(2, 2, lambda a, b: _as_number(a != b), lambda a, b: _not(_equal(a, b))),
    "and": Operation(2, 2, lambda a, b: _as_number((a != 0) & (b != 0)), _both),
    "or": Operation(2, 2, lambda a, b: _as_number((a != 0) | (b != 0)), _either),
    "not": Operation(1, 1, lambda a: _as_number(a == 0), _not),
}

FUNCTIONS = {
    "abs": Operation(1, 1, np.abs, _absolute),
    "min": Operation(2, 16, lambda *a: _fold(np.minimum, a), _least),
    "max": Operation(2, 16, lambda *a: _fold(np.maximum, a), _greatest),
    "clip": Operation(3, 3, _clip_columns, _clip),
    "sqrt": Operation(1, 1, lambda a: np.sqrt(np.maximum(a, 0.0)), _square_root),
    "log1p": Operation(1, 1, lambda a: np.log1p(np.maximum(a, -1 + 2**-53)), _log1p),
    "exp": Operation(1, 1, lambda a: saturate(np.exp(a)), _exponential),
    "where": Operation(3, 3, _where_columns, _where),
}

OPERATIONS = {**OPERATORS, **FUNCTIONS}


def _fold(pairwise: Callable[[Column, Column], Column], columns: tuple[Column, ...]) -> Column:
    """`pairwise` over all columns from left to right."""
    result = columns[0]
    for column in columns[1:]:
        result = pairwise(result, column)
    return result


def show(interval: Interval) -> str:
    """`[0, 1.1]`, with `inf` for what is unbounded."""
    return f"[{_show_end(interval[0])}, {_show_end(interval[1])}]"


def _show_end(end: float) -> str:
    return f"{math.copysign(math.inf, end)}" if abs(end) >= HUGE else f"{end:.6g}"
