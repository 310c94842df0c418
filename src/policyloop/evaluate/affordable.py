"""Affordable: which whole episodes an estimate looks at, and how often it is made again, so that it takes seconds.

Question answered: a history may have millions of steps, and an opinion of a chosen policy should not take longer than its
training; what is left out, so that it stays below some twenty seconds of one core, and how is that told?
Letters: n transitions, e episodes, k labels, d numbers of a state, f features.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.evaluate.fitted_q import model_for
from policyloop.learn.thin import FEWEST_HELD_OUT

MOST_EPISODES = 100  # that are looked at
_MOST_ROWS = 100_000
_SOLVED_AT_ONCE = ("tabular", "linear")  # models that can be fitted again and again
_N_RESAMPLES = 40  # of fqe, for its interval, by those
_LINEAR_WORK = 1e9  # rows times squared features
_LINEAR_TERMS = 4e6  # rows times features, which are made anew for each of the fits
_NETWORK_ROWS = 70_000
_TREE_ROWS = 10_000
_WIDEST, _MOST_LABELS = 64, 8  # of trees that are grown thrice: once for fqe, and once for each half of the episodes
_LABELLED_ROWS = 40_000  # times k, of trees that are grown once; measured at 640 numbers of a state


@dataclass(frozen=True, slots=True, eq=False)
class Affordable:
    """What is looked at."""

    keep: NDArray[np.bool_]  # (n,) rows of whole episodes; none: not even a few would be affordable
    model: str  # of the return
    n_resamples: int  # 0: the interval is that of first states
    is_weighed: bool  # whether estimators that weigh are asked too
    told: tuple[str, ...]  # what was left out


def affordable(transitions: Transitions, *, n_labels: int, n_draws: int = 1) -> Affordable:
    """What to look at in a history.

    Args:
        transitions: at least one.
        n_labels: k; 0 where actions are numbers.
        n_draws: m, that a policy over numbers is asked by.
    """
    e, n = transitions.n_episodes, len(transitions)
    model = model_for(transitions, n_rows=n * min(e, MOST_EPISODES) // e)
    d, a = math.prod(transitions.state.shape[1:]), transitions.action_value.shape[1]
    is_weighed = model != "trees" or (d <= _WIDEST and n_labels <= _MOST_LABELS)
    most = _most_rows(model, d=d, a=a, k=n_labels, is_weighed=is_weighed) / n_draws
    n_looked_at = min(e, MOST_EPISODES, int(most // (n / e)))
    if n_looked_at < min(e, FEWEST_HELD_OUT):
        told = (
            f"What whole episodes would have returned is not estimated: {d:,} numbers of a state, {max(n_labels, a):,} "
            f"{'labels' if n_labels else 'numbers of an action'} and {n / e:,.0f} steps an episode would take minutes."
        )
        return Affordable(np.zeros(n, dtype=bool), model, 0, is_weighed=False, told=(told,))
    chosen = np.unique(np.linspace(0, e - 1, n_looked_at).round().astype(np.int64))
    keep = np.isin(np.cumsum(transitions.is_first) - 1, chosen)
    sentences = []
    if len(chosen) < e:
        sentences.append(
            f"To stay within seconds, {len(chosen):,} of {e:,} held-out episodes were looked at, spread evenly: "
            f"{int(keep.sum()):,} of {n:,} steps."
        )
    if not is_weighed:
        sentences.append("Of states or actions so wide only fqe was asked, which is an opinion; nothing was weighed.")
    return Affordable(keep, model, _N_RESAMPLES if model in _SOLVED_AT_ONCE else 0, is_weighed, tuple(sentences))


def _most_rows(model: str, *, d: int, a: int, k: int, is_weighed: bool) -> float:
    if model == "linear":
        numbers = d if k else d + a
        f = (1 + numbers + numbers * (numbers + 1) // 2) * max(k, 1)
        return min(_MOST_ROWS, _LINEAR_TERMS / f, _LINEAR_WORK / f**2)
    if model == "trees":
        if is_weighed:
            return _TREE_ROWS / (1 + k)
        return min(_TREE_ROWS, _LABELLED_ROWS / max(k, 1)) * min(1.0, 640 / d)
    return _NETWORK_ROWS if model == "network" else _MOST_ROWS
