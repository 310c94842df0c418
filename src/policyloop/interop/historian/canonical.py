"""Rows in order become a history in the one shape that goes into the lake (lake/episode_history.py).

Question answered: what is a row of the historian in the words of the loop: context, action, propensity, and an end?
Letters: n rows, of which some only say what an episode ended in.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_episodes import ACTION
from policyloop.interop.historian.ends import Ends
from policyloop.interop.historian.file import one_array
from policyloop.interop.historian.ledger import Bools, Ledger
from policyloop.interop.historian.long_table import AT
from policyloop.interop.historian.said import pmfs, propensities, texts
from policyloop.interop.historian.steps import Steps, short_iso
from policyloop.interop.historian.values import numbers
from policyloop.lake.episode_history import fields_of_history, history_schema


def to_history(steps: Steps, ends: Ends, is_bare: Bools, spec: LoopSpec, *, by_time: bool, into: Ledger) -> pa.Table:
    """The table.

    Args:
        steps: in order, whole.
        ends: of n rows.
        is_bare: (n,) rows that only say what an episode ended in.
        spec: of the loop.
        by_time: whether every piece of an episode is named by its time.
        into: what is wrong with propensities.
    """
    schema = history_schema(spec)
    n = len(steps.step)
    propensity, kind = propensities(steps, spec, is_bare, into)
    bare = pa.array(is_bare)
    columns: dict[str, Any] = {
        "episode_id": _ids(steps, by_time=by_time),
        "step": steps.step,
        "context": _struct([_field(steps, field) for field in fields_of_history(spec)], schema.field("context").type),
        "action": _lists(_places(steps, spec), is_bare, pa.int32()),
        "action_value": _values(steps, spec, is_bare),
        "pmf": pmfs(steps, spec, is_bare),
        "propensity": propensity,
        "propensity_kind": pc.if_else(bare, pa.scalar(None, pa.string()), kind),
        "density": texts(steps, "density"),
        "action_source": texts(steps, "action_source"),
        "terminated": ends.terminated,
        "truncated": ends.truncated,
        "decided_at": steps.rows[AT] if AT in steps.rows.column_names else pa.nulls(n, pa.int64()),
    }
    if spec.outcomes:
        of_outcomes = [_number(steps, name) for name in spec.outcomes]
        columns["outcomes"] = _struct(of_outcomes, schema.field("outcomes").type)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _ids(steps: Steps, *, by_time: bool) -> pa.Array:
    """(n,) names of episodes; what is left of one that was cut is `NAME/2`, `NAME/3`, ..."""
    starts = np.flatnonzero(steps.is_first)
    if not len(starts):
        return pa.array([], pa.string())
    piece = np.cumsum(steps.is_first) - 1
    base = steps.episode[starts]
    first_of_base = np.flatnonzero(np.diff(base, prepend=-1))
    place = np.arange(len(base)) - np.repeat(first_of_base, np.diff(first_of_base, append=len(base)))
    names = steps.names.take(pa.array(base)).to_pylist()
    if by_time:
        names = [short_iso(at) for at in steps.rows[AT].take(pa.array(starts)).to_pylist()]
        place = np.zeros(len(base), dtype=np.int64)
    told = [name if k == 0 else f"{name}/{k + 1}" for name, k in zip(names, place.tolist(), strict=True)]
    return pa.array(told).take(pa.array(piece))


def _struct(columns: list[pa.Array], kind: pa.StructType) -> pa.Array:
    cast = [column.cast(field.type) for column, field in zip(columns, kind, strict=True)]
    return pa.StructArray.from_arrays(cast, fields=list(kind))


def _field(steps: Steps, field: Field) -> pa.Array:
    """(n,) a field of the context; where it is not told, what the loop says it is then."""
    if field.name not in steps.rows.column_names:
        column: pa.Array = pa.nulls(len(steps.step), pa.string() if field.type in ("category", "text") else pa.float64())
    elif field.type == "tensor":
        return _nested(one_array(steps.rows[field.name]), field)
    elif field.type in ("category", "text"):
        column = texts(steps, field.name)
    else:
        column = _number(steps, field.name)
    if field.default is not None:
        column = pc.fill_null(column, pa.scalar(field.default).cast(column.type))
    return pc.equal(column, 1.0) if field.type == "boolean" else column


def _number(steps: Steps, name: str) -> pa.Array:
    if name not in steps.rows.column_names:
        return pa.nulls(len(steps.step), pa.float64())
    return one_array(steps.rows[name])


def _nested(lists: pa.Array, field: Field) -> pa.Array:
    """Tensors as lists of lists; from lists of all their numbers, where they come so."""
    if pa.types.is_nested(lists.type.value_type):
        return lists
    flat = lists.flatten()
    made = flat.cast(pa.uint8() if field.dtype == "uint8" else pa.float32(), safe=False)
    for size in reversed(field.shape or ()):
        offsets = np.arange(0, len(made) + 1, size, dtype=np.int32)
        made = pa.ListArray.from_arrays(pa.array(offsets), made)
    return made


def _places(steps: Steps, spec: LoopSpec) -> NDArray[np.int32]:
    """(n, p) places of the labels taken; what stands where nothing was done does not matter."""
    parts = [(choice.name, choice.labels) for choice in spec.actions.choices]
    if spec.actions.labels:
        parts = [(ACTION, spec.actions.labels)]
    places = [
        pc.fill_null(pc.index_in(texts(steps, name), value_set=pa.array(labels)), 0).to_numpy(zero_copy_only=False)
        for name, labels in parts
    ]
    return np.stack(places, axis=1).astype(np.int32) if places else np.zeros((len(steps.step), 0), dtype=np.int32)


def _values(steps: Steps, spec: LoopSpec, is_bare: Bools) -> pa.Array:
    """(n,) lists of the numbers of the action."""
    if not spec.has_box:
        return pa.nulls(len(steps.step), pa.list_(pa.float64()))
    parts = np.stack([np.nan_to_num(numbers(steps.rows, part.name)) for part in spec.actions.box], axis=1)
    return _lists(parts, is_bare, pa.float64())


def _lists(numbers_: NDArray[Any], is_bare: Bools, kind: pa.DataType) -> pa.Array:
    """(n,) lists of the rows of (n, p); null where nothing was done."""
    n, width = numbers_.shape
    offsets = np.arange(0, n * width + 1, width, dtype=np.int32) if width else np.zeros(n + 1, dtype=np.int32)
    flat = pa.array(numbers_.ravel()).cast(kind)
    return pa.ListArray.from_arrays(pa.array(offsets), flat, mask=pa.array(is_bare))
