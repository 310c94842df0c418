"""What a history says of its own choices: propensities, and who acted.

Question answered: can policies be evaluated on it, or only learned from it? Without propensities it is as good to learn
from; estimates that weigh by them have to do without.
Letters: n rows.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.errors import unknown
from policyloop.core.loop import LoopSpec
from policyloop.interop.historian.file import one_array
from policyloop.interop.historian.ledger import Bools, Ledger, rows_of
from policyloop.interop.historian.steps import Steps
from policyloop.interop.historian.values import is_null, numbers

KINDS = ("probability", "density", "mixed", "point", "estimated", "unknown")
_AT_MOST_ONE = ("probability", "point")
UNKNOWN = "unknown"


def propensities(steps: Steps, spec: LoopSpec, is_bare: Bools, into: Ledger) -> tuple[pa.Array, pa.Array]:
    """(n,) propensities, null where unknown, and their kinds.

    Args:
        steps: in order.
        spec: says what a propensity is where the file does not: of numbers a density, of labels a probability.
        is_bare: (n,) rows without an action.
        into: what cannot be true, and what is missing.
    """
    n = len(steps.step)
    if "propensity" not in steps.rows.column_names:
        into.notes.append("there are no propensities: fine to learn from, not enough to evaluate by weighing.")
        return pa.nulls(n, pa.float64()), pa.repeat(UNKNOWN, n)
    value = numbers(steps.rows, "propensity")
    kind = _kinds(steps, spec, into)
    is_limited = np.asarray(pc.is_in(kind, value_set=pa.array(_AT_MOST_ONE)).to_numpy(zero_copy_only=False))
    there = ~is_null(steps.rows, "propensity") & ~is_bare
    untrue = there & ~((value > 0) & np.isfinite(value) & ~(is_limited & (value > 1 + 1e-9)))
    told = "cannot be true in {rows}; expected more than 0, and of labels at most 1."
    into.settle_rows("forget-propensities", "propensity", told, untrue, steps.place, code="bad_propensity")
    known = there & ~untrue
    missing = ~known & ~is_bare
    if missing.any():
        into.notes.append(
            f"propensities are missing in {rows_of(missing, steps.place)}: fine to learn from, not enough to evaluate by "
            f"weighing."
        )
    mask = pa.array(known)
    return pa.array(np.where(known, value, np.nan), from_pandas=True), pc.if_else(mask, kind, UNKNOWN)


def _kinds(steps: Steps, spec: LoopSpec, into: Ledger) -> pa.Array:
    """(n,) what each propensity is."""
    usual = "density" if spec.has_box else "probability"
    if "propensity_kind" not in steps.rows.column_names:
        return pa.repeat(usual, len(steps.step))
    column = steps.rows["propensity_kind"]
    for name in column.unique().to_pylist():
        if name is not None and name not in KINDS:
            into.fault("propensity_kind", unknown("kind of propensity", str(name), KINDS), "unknown_name")
    return one_array(pc.fill_null(column, usual))


def texts(steps: Steps, name: str) -> pa.Array:
    """(n,) a column of texts; null where it is missing."""
    if name not in steps.rows.column_names:
        return pa.nulls(len(steps.step), pa.string())
    return one_array(steps.rows[name])


def pmfs(steps: Steps, spec: LoopSpec, is_bare: Bools) -> pa.Array:
    """(n,) a list of lists: the probabilities of the only labelled part; null where they are not told."""
    kind = pa.list_(pa.list_(pa.float64()))
    n = len(steps.step)
    if "pmf" not in steps.rows.column_names or not spec.labels:
        return pa.nulls(n, kind)
    lists = one_array(steps.rows["pmf"])
    if pa.types.is_list(lists.type) and pa.types.is_list(lists.type.value_type):
        return lists.cast(kind)
    offsets: NDArray[np.int32] = np.arange(n + 1, dtype=np.int32)
    there = np.asarray(lists.is_valid().to_numpy(zero_copy_only=False)) & ~is_bare
    return pa.ListArray.from_arrays(pa.array(offsets), lists.cast(pa.list_(pa.float64())), mask=pa.array(~there))
