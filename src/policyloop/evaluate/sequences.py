"""Sequences: a history's episodes weighed for a target policy, which is what every estimator of sequences takes.

Question answered: how much more often would the target have done what was done, step by step and up to each step? Where that
cannot be known the weights are refused, with the reason: a policy that never varies has no density, and a log that never
varied has nothing to compare it with.
Source: Precup, Sutton & Singh 2000. Letters: n transitions, e episodes, t steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import NoOverlap
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.overlap import ess
from policyloop.evaluate.target import Target

FEWEST_ESS = 10.0  # episodes: with less, two or three of them are the estimate
LEAST_SHARE = 0.05  # of the episodes that weights must be worth for a model to be corrected by them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sequences:
    """Episodes with what estimators need of the target policy."""

    transitions: Transitions
    ratio: NDArray[np.float64] | None = None  # (n,) target over logged propensity of each step; None where it is not known
    expected: NDArray[np.float64] | None = None  # (n,) return expected of the action taken, by a model that never saw it
    state_value: NDArray[np.float64] | None = None  # (n,) return expected of the state if the target acts from there on
    next_value: NDArray[np.float64] | None = None  # (n,) of the next state; 0 of rows that terminated

    @property
    def starts(self) -> NDArray[np.intp]:
        """(e,) the first row of each episode."""
        return np.flatnonzero(self.transitions.is_first)

    @property
    def ends(self) -> NDArray[np.intp]:
        """(e,) the last row of each episode."""
        return np.flatnonzero(self.transitions.is_last)

    def weighed(self) -> NDArray[np.float64]:
        """(n,) how much more often the target would have come this far: the product of the ratios up to each step."""
        assert self.ratio is not None, "nothing was weighed"
        weight = self.ratio.copy()
        for rows, _ in forwards(self.transitions):
            weight[rows] *= weight[rows - 1]
        return weight

    def ess(self) -> float:
        """How many episodes the weights at their ends are worth, in [0, e]."""
        return ess(self.weighed()[self.ends])

    def reach(self) -> int:
        """The steps, from the first, at which the weights are worth a twentieth of the episodes, the ended ones included.

        It is told by the weights alone, never by rewards, so that looking at it makes no estimate better than it is.
        """
        weight, starts, lengths = self.weighed(), self.starts, self.transitions.lengths
        last = np.ones(len(starts))
        for rows, t in [(starts, 0), *forwards(self.transitions)]:
            last[lengths > t] = weight[rows]
            if ess(last) < LEAST_SHARE * len(starts):
                return t
        return int(lengths.max(initial=0))


def forwards(transitions: Transitions) -> Iterator[tuple[NDArray[np.intp], int]]:
    """Row numbers of the second step of every episode that has one, then of the third, and so on, with the step's place."""
    starts, lengths = np.flatnonzero(transitions.is_first), transitions.lengths
    for t in range(1, int(lengths.max(initial=0))):
        yield starts[lengths > t] + t, t


def backwards(transitions: Transitions) -> Iterator[NDArray[np.intp]]:
    """Row numbers of the second last step of every episode that has one, then of the third last, and so on."""
    ends, lengths = np.flatnonzero(transitions.is_last), transitions.lengths
    for back in range(1, int(lengths.max(initial=0))):
        yield ends[lengths > back] - back


def ratios(transitions: Transitions, target: Target) -> NDArray[np.float64]:
    """(n,) target over logged propensity of every step.

    Raises:
        NoOverlap: they cannot be known; the message says why.
    """
    kinds = transitions.propensity_kind
    logged = transitions.propensity
    unknown = ~np.isfinite(logged) | np.isin(kinds, ("unknown", ""))
    if unknown.any():
        raise NoOverlap(
            f"of {np.count_nonzero(unknown):,} of {len(logged):,} steps the propensity is unknown, so what was done cannot be "
            f"weighed. Log the chance that each action had; fqe needs none."
        )
    if target.pmf is not None:
        return _of_labels(transitions, target.pmf)
    if target.density is None:
        raise NoOverlap(
            "the target policy never varies and actions are numbers: it would have done exactly what was done with the chance "
            "0, so no logged step says anything about it. Evaluated with its exploration, it can be weighed."
        )
    certain = kinds != "density"
    if certain.any():
        raise NoOverlap(
            f"{np.count_nonzero(certain):,} of {len(logged):,} logged steps did not come from a density: what acted had one "
            f"action that it nearly always took, and a policy that varies takes exactly that one with the chance 0. Log "
            f"with exploration at every step."
        )
    return _over(target.density, logged)


def _of_labels(transitions: Transitions, pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ratios of probabilities, where the target does nothing that the log could not."""
    told = transitions.pmf
    if told is not None:
        n_lost = int(np.count_nonzero(((pmf > 0) & (told == 0)).any(axis=1)))  # NaN rows are unknown, not 0
        if n_lost:
            raise NoOverlap(
                f"at {n_lost:,} of {len(pmf):,} steps the target policy would do something that had the chance 0 when it was "
                f"logged, so nobody knows what would have come of it. Log with a floor that reaches every action."
            )
    return _over(taken(pmf, transitions.action[:, 0].astype(np.int64)), transitions.propensity)


def _over(target: NDArray[np.float64], logged: NDArray[np.float64]) -> NDArray[np.float64]:
    bad = ~(logged > 0)
    if bad.any():
        row = int(bad.argmax())
        raise NoOverlap(
            f"propensity[{row}] is {logged[row]}; expected a number above 0, for what was done cannot have had the chance 0."
        )
    return target / logged
