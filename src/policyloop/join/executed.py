"""What was really carried out, where that was not the chosen action.

Question answered: which action must the example of this decision name?
Someone else than the policy chose it, so its propensity is unknown: such an example is fit for models, and barred from gates.
"""

from __future__ import annotations

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.lake.schema import DECISION_SCHEMA

_KIND = DECISION_SCHEMA.field("action").type


def done_instead(reports: pa.Table, chosen: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The actions carried out instead of the chosen ones.

    The report of what happened first counts. One that names what was chosen anyway says nothing new.

    Args:
        reports: outcomes with the columns decision (row in `chosen`), happened_at, received_at and executed (JSON or null).
        chosen: (n,) lists of indices.

    Returns:
        (n,) lists of indices, null where what was chosen was done; and (n,) whether what was reported can be read.
    """
    n = len(chosen)
    is_usable = np.ones(n, dtype=bool)
    instead: dict[int, list[int]] = {}
    for decision, text in _first_reports(reports).items():
        action = _indices(text)
        if action is None:
            is_usable[decision] = False
        elif action not in (places := chosen[decision].as_py(), places[:1]):  # of a ranking the first place is the decision
            instead[decision] = action
    return (pa.array([instead.get(i) for i in range(n)], _KIND) if instead else pa.nulls(n, _KIND)), is_usable


def _first_reports(reports: pa.Table) -> dict[int, str]:
    """What was told first, by decision."""
    told = reports.filter(pc.is_valid(reports["executed"])).select(["decision", "happened_at", "received_at", "executed"])
    first: dict[int, tuple[int, int, str]] = {}
    for row in told.to_pylist():
        report = (row["happened_at"], row["received_at"], row["executed"])
        first[row["decision"]] = min(report, first.get(row["decision"], report))
    return {decision: text for decision, (_, _, text) in first.items()}


def _indices(text: str) -> list[int] | None:
    """`2` or `[2]` as indices; None when it is something else."""
    try:
        value = msgspec.json.decode(text, type=int | list[int])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return value if isinstance(value, list) else [value]
