"""Trees: the return by LightGBM, fitted again and again to this reward and what was expected of the next state.

Question answered: what is to be expected of an action in a state, where neither a table nor a polynomial will do?
When to use: states of many numbers, and returns with edges in them. Slower than the others, by far.
Source: Ernst, Geurts & Wehenkel 2005; Le, Voloshin & Yue 2019 (arXiv:1903.08738). Letters: n transitions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.evaluate.history import values_to_go
from policyloop.evaluate.target import Target, flat_of

_MOST_ROWS = 40_000
_MOST_ROUNDS = 40
_GROWING = {
    "objective": "regression",
    "learning_rate": 0.25,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_N_TREES = 40


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Grown trees."""

    booster: lightgbm.Booster
    n_labels: int  # k; 0 where actions are numbers

    def expects(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) the return expected of labels (n,) or numbers (n, a) in states (n, ...)."""
        return np.asarray(self.booster.predict(_looked_at(state, action, self.n_labels), num_threads=1), dtype=np.float64)


def fit(transitions: Transitions, target: Target, *, weight: NDArray[np.float64] | None = None, seed: int = 0) -> Trees:
    """Trees after so many rounds that what a round changes counts for little.

    Args:
        transitions: of labels or of numbers; of long histories some rows are drawn.
        target: what is done from the next state on.
        weight: (n,) how often each row counts; None: once.
        seed: of the rows that are drawn.
    """
    keep = np.zeros(len(transitions), dtype=bool)
    keep[np.random.default_rng(seed).permutation(len(transitions))[:_MOST_ROWS]] = True
    goal = values_to_go(transitions)[keep]
    rows, then = transitions.where(keep), target.where(keep)
    counted = None if weight is None else weight[keep]
    k = 0 if target.pmf is None else target.pmf.shape[1]
    action = rows.action[:, 0] if k else rows.action_value
    grown: dict[str, Any] = {**_GROWING, "seed": seed}
    data = lightgbm.Dataset(_looked_at(rows.state, action, k), weight=counted, free_raw_data=False, params=grown)
    model = Trees(_grown(grown, data, goal), k)
    for _ in range(n_rounds(transitions.discount)):
        after = np.where(rows.terminated, 0.0, then.mean_of(model.expects, rows.next_state, is_next=True))
        model = Trees(_grown(grown, data, rows.reward + transitions.discount * after), k)
    return model


def n_rounds(discount: float) -> int:
    """How many rounds until the first answer counts for a hundredth, or as many as there is patience for."""
    return (
        _MOST_ROUNDS if discount >= 1 else min(_MOST_ROUNDS, max(1, math.ceil(math.log(0.01) / math.log(max(discount, 0.01)))))
    )


def _grown(settings: dict[str, Any], data: lightgbm.Dataset, goal: NDArray[np.float64]) -> lightgbm.Booster:
    data.set_label(goal)
    return lightgbm.train(settings, data, num_boost_round=_N_TREES)


def _looked_at(state: NDArray[Any], action: NDArray[Any], n_labels: int) -> NDArray[np.float64]:
    """(n, d + a) what the trees look at: the state, and the action's numbers or a 1 at its label."""
    told = (action[:, np.newaxis] == np.arange(n_labels)) if n_labels else action
    return np.hstack([flat_of(state), told], dtype=np.float64)
