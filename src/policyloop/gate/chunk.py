"""A chunk: what some matured events say about a challenger, as arrays that the evidence takes up.

Question answered: what does each event say about the difference, how much does it weigh, and does it tell the two apart?
Letters: m events, k actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.overlap import importance_weights
from policyloop.evaluate.pseudo import pseudo_outcomes
from policyloop.gate.limits import Limits

_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Chunk:
    """Events in the order of the log; none of them taught the predictions behind `phi`."""

    phi: NDArray[np.float64]  # (m,) pseudo-outcome of challenger minus champion
    weight: NDArray[np.float64]  # (m,) of the challenger: its probability of the logged action, over the propensity
    is_telling: NDArray[np.bool_]  # (m,) the logged action is the challenger's best and not the champion's

    def __len__(self) -> int:
        """How many events."""
        return len(self.phi)


def chunk_of(
    reward: NDArray[np.float64],
    propensity: NDArray[np.float64],
    *,
    action: NDArray[np.int64],
    challenger_pmf: NDArray[np.float64],
    champion_pmf: NDArray[np.float64],
    predicted: NDArray[np.float64],
    limits: Limits,
) -> Chunk:
    """What the events say.

    Args:
        reward: (m,) in the loop's reward unit.
        propensity: (m,) probability with which the action was really served; of a mixture, the mixture's.
        action: (m,) index of the logged action.
        challenger_pmf: (m, k) of the challenger's model at that time.
        champion_pmf: (m, k) of the champion's.
        predicted: (m, k) expected rewards, by a model that learned from earlier events only.
        limits: as they were known before the first of these events.

    Raises:
        BadPropensity: a propensity is outside (0, 1].
        Invalid: the probabilities of a policy do not sum to 1.
    """
    _check(challenger_pmf=challenger_pmf, champion_pmf=champion_pmf)
    moved = challenger_pmf - champion_pmf
    best = challenger_pmf.argmax(axis=1)
    return Chunk(
        phi=pseudo_outcomes(reward, propensity, action=action, moved=moved, predicted=limits.clipped(predicted)),
        weight=importance_weights(propensity, taken(challenger_pmf, action)),
        is_telling=(action == best) & (best != champion_pmf.argmax(axis=1)),
    )


def _check(**pmfs: NDArray[np.float64]) -> None:
    """Refuses rows that are no probabilities, each table's first one."""
    faults = []
    for name, pmf in pmfs.items():
        is_pmf = (np.abs(pmf.sum(axis=1) - 1) <= _SUM_TOLERANCE) & (pmf >= 0).all(axis=1)
        if not is_pmf.all():
            row = int(np.argmin(is_pmf))
            faults.append(Fault(f"{name}[{row}]", f"is {pmf[row]}; expected probabilities that sum to 1."))
    if faults:
        raise Invalid(faults, subject="the evidence")
