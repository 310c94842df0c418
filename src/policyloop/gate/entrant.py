"""An entrant: a loaded policy with the name under which the verdict speaks of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.model import BASELINE
from policyloop.core.policy import Policy


class JudgedPolicy(Policy, Protocol):
    """A policy that also says which reward it expects of each action."""

    def rewards_of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, k) expected rewards, in the loop's reward unit."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Entrant:
    """Who is judged, or judged against. Policies are over the spec's present labels, with the spec's present floor."""

    model: str  # digest, or `baseline`
    policy: JudgedPolicy

    @property
    def is_baseline(self) -> bool:
        """Whether it is the baseline: its preferences are no expected rewards."""
        return self.model == BASELINE
