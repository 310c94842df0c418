"""Fitted Q: a model of the return under the target policy, and its word on every row of a history.

Question answered: what return is expected of what was done, of each state and of the next one? For the corrections of the
doubly robust estimators every episode is judged by a model that never saw it.
Letters: n transitions, e episodes.
"""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.episode import Transitions
from policyloop.evaluate.q_models.tabular import MOST_STATES, keys_of
from policyloop.evaluate.sequences import Sequences
from policyloop.evaluate.target import Target

Q_MODELS = "policyloop.evaluate.q_models"
_LOOKED_AT = 5_000  # rows, to see whether states repeat
_MOST_LINEAR = 12  # numbers of a state
_FILLS_A_NETWORK = 10_000  # rows
_MOST_OF_A_NETWORK = 64  # numbers of a state; of more, an update takes too long


class QModel(Protocol):
    """What `fit` of a model of the return answers."""

    def expects(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) the return expected of actions in states."""
        ...


def model_for(transitions: Transitions, *, n_rows: int | None = None) -> str:
    """The model that suits a history.

    A table where states repeat. Of other states a network, where JAX is installed and there are rows to fill it; else a
    polynomial, and of wide states trees.

    Args:
        transitions: the history.
        n_rows: how many of its rows the model is to be fitted to; None: all.
    """
    some = keys_of(transitions.state[:_LOOKED_AT])
    if not transitions.action_value.shape[1] and transitions.action.shape[1] == 1:
        n_seen = len(np.unique(some))
        if n_seen <= min(MOST_STATES, len(some) // 2):
            return "tabular"
    d = math.prod(transitions.state.shape[1:])
    n_fitted = len(transitions) if n_rows is None else n_rows
    if n_fitted >= _FILLS_A_NETWORK and d <= _MOST_OF_A_NETWORK and find_spec("jax") is not None:
        return "network"
    return "linear" if d <= _MOST_LINEAR else "trees"


def fit(
    transitions: Transitions,
    target: Target,
    *,
    model: str = "auto",
    weight: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> QModel:
    """A model of the return.

    Args:
        transitions: the history.
        target: of its rows.
        model: `tabular`, `linear`, `network` or `trees`; `auto`: what suits the history.
        weight: (n,) how often each row counts.
        seed: of what is random in it.

    Raises:
        UnknownName: no model has that name.
        MissingLibrary: it needs an optional library that is not installed.
    """
    name = model_for(transitions) if model == "auto" else model
    fitted: QModel = plugins.load(Q_MODELS, name).fit(transitions, target, weight=weight, seed=seed)
    return fitted


def judged(model: QModel, transitions: Transitions, target: Target, *, ratio: NDArray[np.float64] | None = None) -> Sequences:
    """What a model says of every row of a history."""
    is_of_labels = target.pmf is not None
    action = transitions.action[:, 0] if is_of_labels else transitions.action_value
    after = target.mean_of(model.expects, transitions.next_state, is_next=True)
    return Sequences(
        transitions=transitions,
        ratio=ratio,
        expected=model.expects(transitions.state, action),
        state_value=target.mean_of(model.expects, transitions.state),
        next_value=np.where(transitions.terminated, 0.0, after),
    )


def cross_judged(
    transitions: Transitions, target: Target, *, ratio: NDArray[np.float64], model: str = "auto", seed: int = 0
) -> Sequences:
    """The same where each half of the episodes is judged by a model of the other half."""
    name = model_for(transitions) if model == "auto" else model
    number = np.cumsum(transitions.is_first) - 1
    n = len(transitions)
    expected, state_value, next_value = np.zeros(n), np.zeros(n), np.zeros(n)
    for half in (0, 1):
        is_own = number % 2 == half
        if not is_own.any() or is_own.all():
            is_own = np.ones(n, dtype=bool)  # a single episode is judged by itself: there is no other
        others = ~is_own if not is_own.all() else is_own
        fitted = fit(transitions.where(others), target.where(others), model=name, seed=seed)
        told = judged(fitted, transitions.where(is_own), target.where(is_own))
        assert told.expected is not None
        assert told.state_value is not None
        assert told.next_value is not None
        expected[is_own], state_value[is_own], next_value[is_own] = told.expected, told.state_value, told.next_value
    return Sequences(transitions=transitions, ratio=ratio, expected=expected, state_value=state_value, next_value=next_value)
