"""Tabular: the return of every state and label, exactly as the history's own frequencies have it.

Question answered: what is to be expected of each label in each state, when there are few states and each came up often?
When to use: labels, and states that repeat. Of a label that a state never saw, the mean of those it saw is taken.
Source: fitted Q evaluation by counting; Le, Voloshin & Yue 2019 (arXiv:1903.08738).
Letters: n transitions, k labels, s states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.evaluate.target import Target, flat_of

MOST_STATES = 20_000
_MOST_SWEEPS = 5_000
_CLOSE = 1e-10  # of the largest reward


@dataclass(frozen=True, slots=True, eq=False)
class Tabular:
    """A table of returns."""

    states: NDArray[Any]  # (s,) each as one comparable piece of bytes, sorted
    table: NDArray[np.float64]  # (s, k)
    elsewhere: float  # of a state that the history never had

    def expects(self, state: NDArray[Any], action: NDArray[Any]) -> NDArray[np.float64]:
        """(n,) the return expected of labels (n,) in states (n, ...)."""
        keys = keys_of(state)
        place = np.minimum(np.searchsorted(self.states, keys), len(self.states) - 1)
        return np.where(self.states[place] == keys, self.table[place, action], self.elsewhere)


def keys_of(state: NDArray[Any]) -> NDArray[Any]:
    """(n,) every state as one value that can be sorted and compared."""
    flat = np.ascontiguousarray(flat_of(state)) + 0  # -0.0 is 0.0
    return flat.view(f"S{flat.dtype.itemsize * flat.shape[1]}").ravel()


def fit(transitions: Transitions, target: Target, *, weight: NDArray[np.float64] | None = None, seed: int = 0) -> Tabular:
    """The table of a history.

    Args:
        transitions: of labels.
        target: what is done from the next state on.
        weight: (n,) how often each row counts; None: once.
        seed: not used; all models take the same arguments.
    """
    assert target.pmf is not None
    assert target.next_pmf is not None
    n, k = target.pmf.shape
    goes_on = ~transitions.terminated
    keys = np.concatenate([keys_of(transitions.state), keys_of(transitions.next_state[goes_on])])
    states, place = np.unique(keys, return_inverse=True)
    here, there = place[:n], np.zeros(n, dtype=np.int64)
    there[goes_on] = place[n:]
    policy = np.empty((len(states), k))
    policy[place[n:]] = target.next_pmf[goes_on]
    policy[here] = target.pmf
    counted = np.ones(n) if weight is None else weight
    pair = here * k + transitions.action[:, 0]
    count: NDArray[np.float64] = np.bincount(pair, weights=counted, minlength=policy.size).astype(np.float64)
    reward = _means(pair, counted * transitions.reward, count)
    triples, which = np.unique(pair[goes_on] * len(states) + there[goes_on], return_inverse=True)
    mass = np.bincount(which, weights=counted[goes_on], minlength=len(triples))
    source, follows = triples // len(states), triples % len(states)
    table = np.zeros(policy.shape)
    largest = max(float(np.abs(transitions.reward).max(initial=0.0)), 1e-300)
    for _ in range(_MOST_SWEEPS):
        value = (policy * table).sum(axis=1)
        future = _means(source, mass * value[follows], count)
        new = _filled((reward + transitions.discount * future).reshape(policy.shape), count.reshape(policy.shape))
        change = float(np.abs(new - table).max(initial=0.0))
        table = new
        if change <= _CLOSE * largest:
            break
    return Tabular(states=states, table=table, elsewhere=float(table.mean()))


def _means(pair: NDArray[np.int64], summed: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums by pair over how often the pair came up; 0 where it never did."""
    total = np.bincount(pair, weights=summed, minlength=len(count))
    return np.divide(total, count, out=np.zeros(len(count)), where=count > 0)


def _filled(table: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """What was never tried is worth the mean of what was tried there; a state in which nothing was, the mean of all."""
    is_seen = count > 0
    n_seen = is_seen.sum(axis=1)
    of_state = np.divide((table * is_seen).sum(axis=1), n_seen, out=np.zeros(len(table)), where=n_seen > 0)
    of_state[n_seen == 0] = of_state[n_seen > 0].mean() if (n_seen > 0).any() else 0.0
    return np.where(is_seen, table, of_state[:, np.newaxis])
