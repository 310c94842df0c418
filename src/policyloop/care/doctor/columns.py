"""Columns: what decisions were asked with, field by field, in the order of time.

Question answered: does a field say anything, and does it say the same as before? A field that holds a JSON object is one
column for each of its most frequent keys. Letters: n decisions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_HOUR
from policyloop.core.example import Context
from policyloop.evaluate.cells import Value, plain
from policyloop.evaluate.pieces import pieces_of_many

_HOURS_PER_DAY = 24
_DAYS_PER_WEEK = 7
_FIRST_SATURDAY = 2  # 1970-01-01 was a Thursday
_TWO_DAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """n decisions in the order of time."""

    values: Mapping[str, Sequence[Value]]  # name -> n values
    decided_at: NDArray[np.int64]  # (n,) microseconds
    player: NDArray[np.int64] | None = None  # (n,) who decided, where that makes the next context; None: it does not
    n_together: float = 1.0  # decisions that hang together, on average: the steps of an episode

    def __len__(self) -> int:
        return len(self.decided_at)

    @staticmethod
    def of(
        contexts: Sequence[Context],
        fields: Sequence[str],
        *,
        decided_at: NDArray[np.int64],
        player: NDArray[np.int64] | None = None,
        n_together: float = 1.0,
        prefix: str = "",
    ) -> Columns:
        """The columns of some fields of n contexts."""
        pieces = [piece for piece in pieces_of_many(contexts, fields) if not piece.is_rest]
        values = {prefix + piece.name: [plain(piece.value_in(context)) for context in contexts] for piece in pieces}
        return Columns(values=values, decided_at=decided_at, player=player, n_together=n_together)

    def beside(self, other: Columns) -> Columns:
        """The same decisions with further columns."""
        return replace(self, values={**self.values, **other.values})

    @property
    def is_late(self) -> NDArray[np.bool_]:
        """(n,) whether the decision is in the second half."""
        return np.arange(len(self)) >= len(self) // 2

    @property
    def stratum(self) -> NDArray[np.int64]:
        """(n,) decisions of one hour of the day, of working days or weekends, and of one player share a number.

        Late is compared with early within these alone: that it is night is no drift, nor that another one plays.
        """
        hour = self.decided_at // US_PER_HOUR
        day = hour // _HOURS_PER_DAY
        is_weekend = (day - _FIRST_SATURDAY) % _DAYS_PER_WEEK < _TWO_DAYS
        own = 0 if self.player is None else 2 * _HOURS_PER_DAY * self.player
        return np.asarray(hour % _HOURS_PER_DAY + _HOURS_PER_DAY * is_weekend + own, dtype=np.int64)
