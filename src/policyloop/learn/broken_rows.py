"""Broken rows: what no learner of episodes can learn from, refused before it learns, with the rows named.

Question answered: which row holds what is no number, or an action that the loop does not have?
Letters: n rows, a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import ActionSpec

_MOST_FAULTS = 20
_ROUNDING = 1e-4  # of half the box: what lies outside by no more is taken to lie on its edge


def check_rows(history: Transitions, actions: ActionSpec) -> None:
    """That every row can be learned from.

    Raises:
        Invalid: a number is not finite, or an action does not lie in its box or among its labels; the first rows of each.
    """
    faults = [fault for found in _faults(history, actions) for fault in found]
    if faults:
        raise Invalid(faults[:_MOST_FAULTS], subject="the history")


def box_of(actions: ActionSpec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(a,) the middle of the box that actions lie in, and half its width."""
    low = np.array([part.low for part in actions.box], dtype=np.float64)
    high = np.array([part.high for part in actions.box], dtype=np.float64)
    return ((low + high) / 2).astype(np.float32), ((high - low) / 2).astype(np.float32)


def _faults(history: Transitions, actions: ActionSpec) -> Iterator[list[Fault]]:
    """What is wrong, in which rows."""
    for name in ("state", "next_state", "action_value", "reward"):
        column = getattr(history, name)
        rest = tuple(range(1, column.ndim))
        bad = ~np.isfinite(column).all(axis=rest) if column.dtype != np.uint8 else np.zeros(len(column), bool)
        yield _told(
            history, bad, name, "is not finite everywhere; leave the row's episode out, or fill the gap before importing"
        )
    center, half = box_of(actions)
    yield [] if history.action_value.shape[1] == len(half) else [_misfit("number", history.action_value.shape[1], len(half))]
    if history.action_value.shape[1] == len(half):
        outside = (np.abs(history.action_value - center) > half * (1 + _ROUNDING)).any(axis=1)
        told = "lies outside the box; widen the bounds under `actions`, or leave the row's episode out"
        yield _told(history, outside & np.isfinite(history.action_value).all(axis=1), "action_value", told)
    sizes = np.array([len(part.labels) for part in actions.choices] or [len(actions.labels)] * bool(actions.labels))
    if history.action.shape[1] != len(sizes):
        yield [_misfit("label", history.action.shape[1], len(sizes))]
    elif len(sizes):
        unknown = ((history.action < 0) | (history.action >= sizes)).any(axis=1)
        yield _told(history, unknown, "action", "is not among the loop's labels; expected a place from 0")


def _told(history: Transitions, bad: Any, name: str, what: str) -> list[Fault]:
    return [
        Fault(f"row {row}, {name}", f"of episode {history.episode[row]}, step {history.step[row]}, {what}.", "bad_row")
        for row in np.flatnonzero(bad)[:_MOST_FAULTS]
    ]


def _misfit(what: str, found: int, expected: int) -> Fault:
    return Fault(
        "action", f"has {found} {what}{'s' * (found != 1)}; expected {expected}, as the loop's `actions` say.", "bad_row"
    )
