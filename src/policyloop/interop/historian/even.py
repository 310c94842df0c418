"""Episodes of a fixed length, for a process that never stops.

Question answered: where does one episode end and the next begin, when nothing in the rows says so?
Letters: n rows.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from policyloop.interop.historian.ends import Ends
from policyloop.interop.historian.lags import place_in_run
from policyloop.interop.historian.ledger import Bools
from policyloop.interop.historian.steps import Steps


def cut_evenly(steps: Steps, ends: Ends, n_steps: int, actions: list[str]) -> tuple[Steps, Ends]:
    """Episodes of so many steps. The row that one begins with is also what the one before it ended in.

    Args:
        steps: in order.
        ends: what was said of them.
        n_steps: of one episode.
        actions: columns that say what was done.
    """
    place = place_in_run(steps.is_first)
    is_cut = (place > 0) & (place % n_steps == 0)
    copies = 1 + is_cut.astype(np.int64)
    order = np.repeat(np.arange(len(place)), copies)
    is_copy = np.append(False, np.diff(order) == 0)  # the second of two begins the next episode
    is_end = np.append(is_copy[1:], False)
    rows = steps.rows.take(pa.array(order))
    for name in actions:
        if name in rows.column_names:
            at, column = rows.column_names.index(name), rows[name]
            rows = rows.set_column(at, name, _without(column, is_end))
    cut = Steps(
        rows=rows,
        episode=steps.episode[order],
        step=steps.step[order],
        is_first=steps.is_first[order] & ~is_end | is_copy,
        names=steps.names,
    )
    terminated = ends.terminated[order] & ~is_end
    truncated = (ends.truncated[order] & ~is_end) | np.append(is_end[1:], False)
    return cut, Ends(terminated, truncated & ~terminated)


def _without(column: pa.ChunkedArray, mask: Bools) -> pa.ChunkedArray:
    """The column, null where `mask`."""
    place = np.arange(len(mask))
    return column.take(pa.array(place, mask=mask))
