"""The ledger of a reading: what is wrong with a file and in which rows, what was asked to be repaired, and how much of it.

Question answered: is this a refusal or a repair? What a repair was asked for is counted; what none was asked for is a fault.
Reading goes on as if it had been repaired, so that one look shows everything.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid

_SHOWN = 5

Bools = NDArray[np.bool_]
Place = Callable[[int], str]  # a row of the table at hand -> where it stands in the file, such as `row 17`


class Ledger:
    """Collects. `repaired` and `notes` are for people to read."""

    def __init__(self, asked: frozenset[str]) -> None:
        self._asked = asked
        self._needed: set[str] = set()  # repairs that nobody asked for, and that would mend something
        self.faults: list[Fault] = []
        self.repaired: dict[str, int] = {}  # repair -> how many rows, columns or places
        self.notes: list[str] = []

    def fault(self, where: str, message: str, code: str = "invalid") -> None:
        """What no repair is known for."""
        self.faults.append(Fault(where, message, code))

    def settle(self, repair: str, where: str, message: str, *, n: int, code: str = "invalid") -> None:
        """Something wrong, n times: counted if the repair was asked for, else a fault that names it."""
        if repair in self._asked:
            self.repaired[repair] = self.repaired.get(repair, 0) + n
        else:
            self._needed.add(repair)
            self.faults.append(Fault(where, f"{message} Mend the file, or ask for `--repair {repair}`.", code))

    def settle_rows(self, repair: str, where: str, told: str, is_bad: Bools, place: Place, *, code: str = "invalid") -> None:
        """The same of rows: `told` says what is wrong with them and has a place for the rows, `{rows}`. None: nothing."""
        if is_bad.any():
            self.settle(repair, where, told.format(rows=rows_of(is_bad, place)), n=int(is_bad.sum()), code=code)

    def raise_if_any(self, subject: str) -> None:
        """Refuse.

        Raises:
            Invalid: with every fault.
        """
        if self.faults:
            raise Invalid(self.faults, subject=subject, way_out=self._all_repairs())

    def _all_repairs(self) -> str:
        """The whole option for the next attempt, where it has more than the one repair that a fault names."""
        together = sorted(self._asked | self._needed)
        return f"Every repair together: `--repair {','.join(together)}`." if self._needed and len(together) > 1 else ""


def rows_of(is_bad: Bools, place: Place) -> str:
    """`3 of 900 rows (row 4, row 17, row 20)`."""
    places = np.flatnonzero(is_bad)
    shown = ", ".join(place(int(row)) for row in places[:_SHOWN])
    more = ", ..." if len(places) > _SHOWN else ""
    return f"{len(places):,} of {len(is_bad):,} rows ({shown}{more})"
