"""The target of an evaluation of episodes: what the policy that is asked about would do, at every row of a history.

Question answered: with which chance would it have taken what was taken, and what would it do in each state and in the next? All
that estimators of sequences know of a policy; where it came from does not matter to them.
Letters: n transitions, k labels, m actions drawn in each state, a numbers of an action.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid

Expects = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]]  # states (n, ...) and actions (n,) or (n, a) -> (n,)
N_DRAWS = 2  # in each state, of a policy over numbers that varies
_SUM_TOLERANCE = 1e-5
_ROUNDING = 1e-6  # of the width of the limits: numbers are logged in 32 bits
_LEAST_SHARE = 1e-12  # a draw's mirror image stays below 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """What a policy would do in a history: of labels the probabilities, of numbers some draws."""

    pmf: NDArray[np.float64] | None = None  # (n, k) of labels, in each state
    next_pmf: NDArray[np.float64] | None = None  # (n, k) in each next state; rows that terminated may hold anything
    acts: NDArray[np.floating[Any]] | None = None  # (m, n, a) of numbers; m is 1 of a policy that never varies
    next_acts: NDArray[np.floating[Any]] | None = None  # (m, n, a)
    density: NDArray[np.float64] | None = None  # (n,) of the logged numbers; None of labels, and of a policy that never varies

    def where(self, keep: NDArray[np.bool_]) -> Target:
        """The rows where `keep` (n,) is true."""
        return Target(
            pmf=None if self.pmf is None else self.pmf[keep],
            next_pmf=None if self.next_pmf is None else self.next_pmf[keep],
            acts=None if self.acts is None else self.acts[:, keep],
            next_acts=None if self.next_acts is None else self.next_acts[:, keep],
            density=None if self.density is None else self.density[keep],
        )

    def mean_of(self, expects: Expects, state: NDArray[Any], *, is_next: bool = False) -> NDArray[np.float64]:
        """(n,) the mean of what is expected of an action in each state, over what the policy would do there.

        Args:
            expects: of states and actions.
            state: (n, ...) the history's states, or its next ones.
            is_next: whether `state` are the next ones.
        """
        pmf, acts = (self.next_pmf, self.next_acts) if is_next else (self.pmf, self.acts)
        if pmf is not None:
            n, k = pmf.shape
            mean = np.zeros(n)
            for label in range(k):
                mean += pmf[:, label] * expects(state, np.full(n, label))
            return mean
        assert acts is not None
        return np.asarray(np.mean([expects(state, draw) for draw in acts], axis=0, dtype=np.float64))


def flat_of(state: NDArray[Any]) -> NDArray[Any]:
    """(n, d) the numbers of every state in a row, whatever shape it has."""
    return state.reshape(len(state), math.prod(state.shape[1:]))


def target_of_labels(pmf_of: Callable[[NDArray[Any]], NDArray[np.float64]], transitions: Transitions) -> Target:
    """The target of a policy over labels.

    Args:
        pmf_of: states (n, ...) -> (n, k) the probabilities of the labels.

    Raises:
        Invalid: rows are no probabilities.
    """
    pmf, next_pmf = (np.asarray(pmf_of(state), dtype=np.float64) for state in (transitions.state, transitions.next_state))
    faults = []
    for name, table in (("pmf", pmf), ("next_pmf", next_pmf)):
        is_bad = ~((np.abs(table.sum(axis=1) - 1) <= _SUM_TOLERANCE) & (table >= 0).all(axis=1))
        if is_bad.any():
            row = int(is_bad.argmax())
            faults.append(Fault(f"{name}[{row}]", f"is {table[row]}; expected probabilities that sum to 1."))
    if faults:
        raise Invalid(faults, subject="the target policy")
    return Target(pmf=pmf, next_pmf=next_pmf)


def target_of_numbers(act: Callable[[NDArray[Any]], NDArray[Any]], transitions: Transitions) -> Target:
    """The target of a policy over numbers that never varies.

    Args:
        act: states (n, ...) -> (n, a) the action, in its own units.
    """
    return Target(acts=act(transitions.state)[np.newaxis], next_acts=act(transitions.next_state)[np.newaxis])


def target_of_densities(
    here: Sequence[Density], there: Sequence[Density], transitions: Transitions, *, rng: np.random.Generator
) -> Target:
    """The target of a policy over numbers that varies: two draws in each state that mirror each other, so that little is noise.

    Args:
        here: (n,) what is drawn from in each state.
        there: (n,) in each next state.
        rng: of the draws.
    """
    return Target(
        acts=_mirrored(here, rng),
        next_acts=_mirrored(there, rng),
        density=np.array([one.at(_inside(x, one)) for one, x in zip(here, transitions.action_value.tolist(), strict=True)]),
    )


def _mirrored(densities: Sequence[Density], rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    """(2, n, a) a draw from each, and its mirror image."""
    shares = rng.random((len(densities), 1 + len(densities[0].low)))
    drawn = [
        [one.draw(float(own[0]), own[1:].tolist())[0] for one, own in zip(densities, some, strict=True)]
        for some in (shares, 1.0 - np.fmax(shares, _LEAST_SHARE))
    ]
    return np.array(drawn)


def _inside(values: Sequence[float], density: Density) -> list[float]:
    """Numbers that rounding has put outside the limits, moved onto them."""
    told = []
    for x, low, high in zip(values, density.low, density.high, strict=True):
        slack = _ROUNDING * (high - low)
        told.append(min(max(x, low), high) if low - slack <= x <= high + slack else x)
    return told
