"""What may be served: anything that answers a context with plain probabilities.

Question answered: what does a decision ask of a policy? Plain lists, since NumPy costs more than it saves for a handful of
actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policyloop.core.candidates import Candidates
from policyloop.core.example import Context


class Served(Protocol):
    """A policy as a decision asks it."""

    def pmf(self, context: Context, allowed: Sequence[bool], candidates: Candidates | None = None) -> list[float]:
        """k probabilities in the offered order, summing to 1; 0 for actions not allowed."""
        ...
