"""Labels beside numbers, told as numbers: a 1 for each label that was taken and a 0 for every other, then the numbers.

Question answered: how are actions that have both evaluated by models that know labels or numbers? As numbers alone, of the
target and of the history alike; such a target never varies, so nothing that weighs by propensities is asked of it.
Letters: n transitions, p labelled parts, a numbers of an action, m labels of all parts together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Floats, Transitions
from policyloop.core.loop import ActionSpec

Act = Callable[[NDArray[Any]], Floats]  # states (n, ...) -> (n, p + a), as `EpisodePolicy.act` gives actions


def history_in_numbers(transitions: Transitions, actions: ActionSpec) -> Transitions:
    """The same with actions of m + a numbers; unchanged where there are no labels beside numbers."""
    if not actions.choices:
        return transitions
    told = _told(transitions.action, transitions.action_value, actions)
    return replace(transitions, action=transitions.action[:, :0], action_value=told)


def acting_in_numbers(act: Act, actions: ActionSpec) -> Act:
    """The same with actions of m + a numbers; unchanged where there are no labels beside numbers."""
    p = len(actions.choices)
    if not p:
        return act

    def told(state: NDArray[Any]) -> Floats:
        action = act(state)
        return _told(action[:, :p], action[:, p:], actions)

    return told


def _told(places: NDArray[Any], numbers: Floats, actions: ActionSpec) -> Floats:
    """(n, m + a) of places of labels (n, p) and numbers (n, a)."""
    ones = [np.eye(len(part.labels), dtype=np.float32)[places[:, i].astype(np.intp)] for i, part in enumerate(actions.choices)]
    return np.concatenate([*ones, numbers], axis=1)
