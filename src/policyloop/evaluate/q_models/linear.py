"""Linear: the return as a sum over the numbers of a state and an action, their squares and products.

Question answered: what is to be expected of an action in a state, by the smoothest model that may do?
When to use: states of few numbers that do not repeat. It is solved in one step, so it can be fitted again and again.
Source: least squares temporal differences of Q, Lagoudakis & Parr 2003. Letters: n transitions, f features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import BadSetting
from policyloop.evaluate.moments import parts
from policyloop.evaluate.target import Target, flat_of

_RIDGE = 1e-6  # of the mean square of the features
_MOST_FEATURES = 1_000


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """Weights of features."""

    mean: NDArray[np.float64]  # of a state's numbers, then of an action's
    scale: NDArray[np.float64]
    n_labels: int  # k; 0 where actions are numbers
    weights: NDArray[np.float64]  # (f,)

    def expects(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) the return expected of labels (n,) or numbers (n, a) in states (n, ...)."""
        return np.asarray(self.features(state, action) @ self.weights)

    def features(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n, f) the polynomial of degree two; of labels one for each label."""
        flat = flat_of(state).astype(np.float64)
        if not self.n_labels:
            return _squares((np.hstack([flat, action]) - self.mean) / self.scale)
        terms = _squares((flat - self.mean) / self.scale)
        is_label = (action[:, np.newaxis] == np.arange(self.n_labels)).astype(np.float64)
        return np.asarray((is_label[:, :, np.newaxis] * terms[:, np.newaxis, :]).reshape(len(terms), -1))


def fit(transitions: Transitions, target: Target, *, weight: NDArray[np.float64] | None = None, seed: int = 0) -> Linear:
    """The weights with which the model agrees with itself one step later, on the history.

    Args:
        transitions: of labels or of numbers.
        target: what is done from the next state on.
        weight: (n,) how often each row counts; None: once.
        seed: not used; all models take the same arguments.

    Raises:
        BadSetting: a state has too many numbers for a model of their squares and products.
    """
    k = 0 if target.pmf is None else target.pmf.shape[1]
    flat = flat_of(transitions.state).astype(np.float64)
    seen = flat if k else np.hstack([flat, transitions.action_value])
    scale = seen.std(axis=0)
    model = Linear(seen.mean(axis=0), np.where(scale > 1e-9, scale, 1.0), k, np.empty(0))
    f = (1 + seen.shape[1] + seen.shape[1] * (seen.shape[1] + 1) // 2) * max(k, 1)
    if f > _MOST_FEATURES:
        raise BadSetting(
            f"a linear model of this history would have {f:,} features; expected at most {_MOST_FEATURES:,}. Use `trees`."
        )
    action = transitions.action[:, 0] if k else transitions.action_value
    left, right = np.zeros((f, f)), np.zeros(f)
    for part in parts(len(transitions)):
        now = model.features(transitions.state[part], action[part])
        counted = now if weight is None else now * weight[part][:, np.newaxis]
        goes_on = (~transitions.terminated[part])[:, np.newaxis]
        rows = np.zeros(len(transitions), dtype=bool)
        rows[part] = True
        later = _next_features(model, transitions.next_state[part], target.where(rows)) * goes_on
        left += counted.T @ (now - transitions.discount * later)
        right += counted.T @ transitions.reward[part]
    ridge = _RIDGE * max(float(np.trace(np.abs(left))), 1.0) / f
    weights = np.linalg.lstsq(left + ridge * np.eye(f), right, rcond=None)[0]
    return Linear(model.mean, model.scale, k, weights)


def _next_features(model: Linear, state: NDArray[Any], target: Target) -> NDArray[np.float64]:
    """(n, f) the mean features of what the target does in the next states."""
    if target.next_pmf is not None:
        tables = (
            model.features(state, np.full(len(state), label)) * target.next_pmf[:, label : label + 1]
            for label in range(model.n_labels)
        )
        return np.asarray(sum(tables))
    assert target.next_acts is not None
    return np.asarray(np.mean([model.features(state, draw) for draw in target.next_acts], axis=0, dtype=np.float64))


def _squares(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, f) one, the numbers, and the products of any two."""
    first, second = np.triu_indices(x.shape[1])
    return np.hstack([np.ones((len(x), 1)), x, x[:, first] * x[:, second]])
