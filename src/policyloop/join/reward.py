"""The reward: outcomes to one number a decision, by aggregation, the loop's expression, and its range.

Question answered: what did each decision earn?
Letters: n decisions, m outcomes, J declared names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.loop import OutcomeSpec, RewardSpec, Take
from policyloop.join.window import Seen

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """What n decisions earned, and from what."""

    reward: Floats  # (n,) in the spec's range
    is_rewarded: NDArray[np.bool_]  # (n,) False: no outcome counted, the reward is the default
    is_clipped: NDArray[np.bool_]  # (n,) the computed reward was outside the range
    n_outcomes: NDArray[np.int64]  # (n,) outcomes that counted
    columns: Mapping[str, Floats]  # J columns of (n,): the aggregated values
    is_there: Mapping[str, NDArray[np.bool_]]  # J columns of (n,): whether an outcome of that name counted


def rewards(spec: RewardSpec, outcomes: Mapping[str, OutcomeSpec], seen: Seen, *, counts: NDArray[np.bool_], n: int) -> Rewards:
    """Rewards of n decisions.

    Args:
        spec: expression, range and default.
        outcomes: the declared names, in the order that `seen.name` counts them.
        seen: the outcomes.
        counts: (m,) those that may enter the reward.
        n: how many decisions there are.
    """
    columns, is_there = aggregated(outcomes, seen, counts=counts, n=n)
    n_outcomes = np.bincount(seen.decision[counts], minlength=n)
    is_rewarded = n_outcomes > 0
    computed = np.broadcast_to(spec.expression.evaluate(columns), (n,))
    reward = np.where(is_rewarded, computed, spec.default)
    clipped = np.clip(reward, spec.low, spec.high)
    return Rewards(
        reward=clipped,
        is_rewarded=is_rewarded,
        is_clipped=clipped != reward,
        n_outcomes=n_outcomes,
        columns=columns,
        is_there=is_there,
    )


def aggregated(
    outcomes: Mapping[str, OutcomeSpec], seen: Seen, *, counts: NDArray[np.bool_], n: int
) -> tuple[dict[str, Floats], dict[str, NDArray[np.bool_]]]:
    """Name -> (n,) the value of each declared outcome, and name -> (n,) whether any counted.

    Args:
        outcomes: the declared names, in the order that `seen.name` counts them.
        seen: the outcomes.
        counts: (m,) those that may enter the reward.
        n: how many decisions there are.
    """
    columns: dict[str, Floats] = {}
    is_there: dict[str, NDArray[np.bool_]] = {}
    for place, outcome in enumerate(outcomes.values()):
        which = counts & (seen.name == place)
        decision = seen.decision[which]
        missing = 0.0 if outcome.take in {"sum", "count"} else outcome.missing
        column = np.full(n, missing)
        there = np.zeros(n, dtype=bool)
        if len(decision):
            rows, values = aggregate(outcome.take, decision, seen.value[which])
            column[rows] = values
            there[rows] = True
        columns[outcome.name], is_there[outcome.name] = column, there
    return columns, is_there


def rewards_again(
    spec: RewardSpec, outcomes: Mapping[str, OutcomeSpec], values: Mapping[str, Floats], *, is_rewarded: NDArray[np.bool_]
) -> Floats:
    """(n,) what n decisions would have earned under another expression, from the same outcomes in the same window.

    Args:
        spec: expression, range and default.
        outcomes: the declared names.
        values: name -> (n,) aggregated value, NaN where none came.
        is_rewarded: (n,) whether any outcome counted.
    """
    n = len(is_rewarded)
    columns = {}
    for outcome in outcomes.values():
        missing = 0.0 if outcome.take in {"sum", "count"} else outcome.missing
        value = values.get(outcome.name, np.full(n, np.nan))
        columns[outcome.name] = np.where(np.isnan(value), missing, value)
    computed = np.broadcast_to(spec.expression.evaluate(columns), (n,))
    return np.clip(np.where(is_rewarded, computed, spec.default), spec.low, spec.high)


def aggregate(take: Take, decision: NDArray[np.int64], value: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Several reports of one name become one number a decision.

    Args:
        take: how.
        decision: (m,) rising, m > 0; equal numbers belong together, in the order in which they happened.
        value: (m,)

    Returns:
        The different decisions, rising, and the value of each.
    """
    first = np.flatnonzero(np.diff(decision, prepend=decision[0] - 1))
    count = np.diff(first, append=len(decision))
    values: Floats
    if take == "count":
        values = count.astype(np.float64)
    elif take == "first":
        values = value[first]
    elif take == "last":
        values = value[first + count - 1]
    elif take == "max":
        values = np.maximum.reduceat(value, first)
    elif take == "min":
        values = np.minimum.reduceat(value, first)
    else:
        values = np.add.reduceat(value, first)
        if take == "mean":
            values = values / count
    return decision[first], values
