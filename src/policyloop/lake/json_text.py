"""Columns as JSON: many contexts become texts by Arrow alone, without a Python object for any of them.

Question answered: how is a context logged that came as columns? In the declared order; what is missing is null. Numbers keep
every bit: the shortest text that reads as the same number.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.loop import Field

_NULL = "null"


def contexts_as_json(contexts: pa.StructArray, fields: Sequence[Field]) -> pa.Array:
    """(n,) JSON objects.

    Args:
        contexts: n contexts; children that `fields` does not name are left out.
        fields: those to be told, in order.
    """
    parts: list[pa.Array | pa.Scalar] = [pa.scalar("{")]
    for place, field in enumerate(fields):
        name = msgspec.json.encode(field.name).decode()
        parts += [pa.scalar(f"{',' if place else ''}{name}:"), _as_json(pc.struct_field(contexts, field.name))]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), pa.scalar("")) if fields else pa.repeat("{}", len(contexts))


def _as_json(column: pa.Array) -> pa.Array:
    """(n,) JSON values."""
    if pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        return _lists(column)
    if pa.types.is_string(column.type):
        encoded = column.dictionary_encode()
        told = [msgspec.json.encode(text).decode() for text in encoded.dictionary.to_pylist()]
        return pc.fill_null(pa.array(told, pa.string()).take(encoded.indices), _NULL)
    return pc.fill_null(pc.cast(column, pa.string()), _NULL)


def _lists(column: pa.Array) -> pa.Array:
    """(n,) JSON arrays of lists, however nested."""
    inner = _as_json(pc.list_flatten(column))
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths.cast(pa.int64()))]).cast(pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, inner), ",")
    told = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(pc.is_valid(column), told, _NULL)
