"""Canary decisions: the contexts and masks that a model must get through before anyone's decision depends on it.

Question answered: which decisions would show that a model breaks? The newest real contexts, and contexts that the spec
allows at its corners: smallest, largest, missing and unseen values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.corners import corner_candidates, corner_contexts
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.core.state import bounded_for_states

N_NEWEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """Decisions to try a policy on."""

    contexts: Sequence[Context]  # n
    allowed: NDArray[np.bool_]  # (n, k) at least one True a row; False beyond the end of a smaller set of candidates
    candidates: Sequence[Candidates] | None = None  # n sets; None where the actions are labels


def canary_of(spec: LoopSpec, newest: Sequence[Context], sets: Sequence[Candidates] | None = None) -> Canary:
    """Corner contexts of the spec and real ones, each with all actions allowed, one masked, and all but one masked.

    Args:
        spec: of the loop.
        newest: real contexts in the order of the log; the last `N_NEWEST` are used.
        sets: the candidates that came with them, where the caller brings the actions along.
    """
    corners = corner_contexts(spec.context if spec.episodes is None else bounded_for_states(spec.context))
    contexts = [*corners, *newest[-N_NEWEST:]]
    offered = None if sets is None else [corner_candidates(spec.actions)] * len(corners) + list(sets[-N_NEWEST:])
    sizes = np.array([len(spec.labels)] * len(contexts) if offered is None else [len(one) for one in offered])
    k = int(sizes.max())
    is_there = np.arange(k) < sizes[:, np.newaxis]
    is_turn = np.arange(k) == (np.arange(len(contexts)) % sizes)[:, np.newaxis]
    masks = [is_there, is_there & (~is_turn | (sizes == 1)[:, np.newaxis]), is_turn] if k > 1 else [is_there]
    return Canary(contexts * len(masks), np.concatenate(masks), None if offered is None else offered * len(masks))
