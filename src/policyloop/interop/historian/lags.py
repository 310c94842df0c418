"""Lags: what a column said some steps before, as a field of its own, for processes that answer late.

Question answered: what was the valve, or the temperature, k steps ago, where what is done now shows only after k steps?
The value never comes from another episode, nor from across a gap: the first k rows of each have none.
Letters: n rows, k steps.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.core.errors import unknown
from policyloop.core.loop import LoopSpec
from policyloop.interop.historian.ledger import Bools, Ledger
from policyloop.interop.historian.reading import Reading, lagged_name
from policyloop.interop.historian.steps import Steps


def with_lags(steps: Steps, reading: Reading, spec: LoopSpec, into: Ledger) -> tuple[Steps, Bools]:
    """The rows with lagged copies, and (n of before,) which rows were kept: those that have what they must.

    Args:
        steps: in order.
        reading: which lags.
        spec: whether a lagged field may be missing.
        into: what is wrong, and how much is left out.
    """
    rows, keep = steps.rows, np.ones(len(steps.step), dtype=bool)
    place = place_in_run(steps.is_first)
    for name, k in reading.lags:
        made = lagged_name(name, k)
        if name not in rows.column_names:
            into.fault("--lag", unknown("column of the history", name, [one for one in rows.column_names if one[0] != "#"]))
            continue
        if made not in spec.context:
            into.fault(
                "--lag", f"makes '{made}', which is no field of the loop; expected `{made}: number` in its context.", "missing"
            )
            continue
        before = np.arange(len(place)) - k
        rows = rows.append_column(made, rows[name].take(pa.array(before, mask=place < k)))
        if not spec.context[made].optional:
            keep &= place >= k
    if not keep.all():
        into.notes.append(
            f"{int((~keep).sum()):,} rows at the start of episodes are left out: their lagged values are not known."
        )
    return steps.with_rows(rows).where(keep), keep


def place_in_run(is_first: Bools) -> NDArray[np.int64]:
    """(n,) how many rows before this one follow one another up to it."""
    starts = np.flatnonzero(is_first)
    return np.arange(len(is_first)) - np.repeat(starts, np.diff(starts, append=len(is_first)))
