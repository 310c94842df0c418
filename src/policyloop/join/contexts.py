"""Contexts as columns: many JSON objects become one array a field, without a Python object for any of them.

Question answered: what was each field in each of these contexts? A field that a context does not have is NaN or None.
Letters: n contexts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
from numpy.typing import NDArray

from policyloop.core.loop import Field

_ROWS_AT_ONCE = 100_000  # one text of all of them stays below what 32-bit offsets can reach
_LONG = pa.large_string()
_PLAIN = {"number": pa.float64(), "integer": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}


def context_columns(texts: pa.Array | pa.ChunkedArray, fields: Iterable[Field]) -> dict[str, NDArray[Any]]:
    """Name -> (n,) the field's value in each context: float64, of a category texts, of a tensor (n, *shape).

    Args:
        texts: (n,) JSON objects, each on one line, none null.
        fields: numbers, booleans, categories and tensors; others are left out.
    """
    wanted = [field for field in fields if field.type in _PLAIN or field.type == "tensor"]
    schema = pa.schema([(field.name, _kind(field)) for field in wanted])
    parts = [_read(some, schema) for some in _pieces(texts)]
    table = pa.concat_tables(parts) if parts else schema.empty_table()
    return {field.name: _column(field, table[field.name]) for field in wanted}


def _pieces(texts: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        some = texts.slice(start, _ROWS_AT_ONCE)
        yield some.combine_chunks() if isinstance(some, pa.ChunkedArray) else some


def _read(texts: pa.Array, schema: pa.Schema) -> pa.Table:
    """The objects, one a line, as a table."""
    if not len(schema):
        return pa.table({})
    lines = pc.binary_join_element_wise(texts.cast(_LONG), pa.scalar("\n", _LONG), pa.scalar("", _LONG))
    bytes_of_all = lines.buffers()[2].slice(0, pc.sum(pc.binary_length(lines)).as_py())
    return pj.read_json(
        pa.BufferReader(bytes_of_all),
        read_options=pj.ReadOptions(use_threads=False, block_size=max(bytes_of_all.size, 1)),
        parse_options=pj.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )


def _kind(field: Field) -> pa.DataType:
    """The Arrow type that a field is read as."""
    if field.type != "tensor":
        return _PLAIN[field.type]
    kind = pa.uint8() if field.dtype == "uint8" else pa.float32()
    for _ in field.shape or ():
        kind = pa.list_(kind)
    return kind


def _column(field: Field, column: pa.ChunkedArray) -> NDArray[Any]:
    if field.type == "category":
        return np.asarray(column.to_numpy(), dtype=object)
    if field.type != "tensor":
        return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    shape = field.shape or ()
    is_there = pc.is_valid(column).to_numpy().astype(bool)
    numbers = column
    for _ in shape:
        numbers = pc.list_flatten(numbers)
    found: NDArray[Any] = numbers.to_numpy().reshape(int(is_there.sum()), *shape)
    if is_there.all():
        return found
    whole = np.full((len(column), *shape), np.nan, dtype=np.float32)
    whole[is_there] = found
    return whole
