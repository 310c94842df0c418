"""The file of a history: CSV or Parquet, read whole into columns.

Question answered: which columns are there? Cells of a CSV stay texts here; what should be a number is told by the loop.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from policyloop.core.errors import Fault, Invalid
from policyloop.lake.sql import Session

_SEPARATORS = ("\t", ";", ",")
_MISSING = ("", "NA", "N/A", "null", "NULL", "None", "#N/A")
_WORDS = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "on": 1.0, "off": 0.0}


def read_table(path: Path) -> pa.Table:
    """The file's columns, none of them twice, and at least one row.

    Raises:
        Invalid: it cannot be read, is empty, or names a column twice.
    """
    try:
        table = pq.read_table(path) if _is_parquet(path) else _read_csv(path)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        raise Invalid([Fault(str(path), f"cannot be read: {reason}; expected CSV or Parquet.", "unreadable")]) from None
    twice = [name for name in dict.fromkeys(table.column_names) if table.column_names.count(name) > 1]
    if twice:
        raise Invalid([Fault(str(path), f"has the column '{twice[0]}' twice; expected each name once.")])
    if not table.num_rows:
        raise Invalid([Fault(str(path), "has no rows; expected a table with at least one.", "empty")])
    return table


def numbers_of(column: pa.ChunkedArray, *, decimal: str = ".", is_boolean: bool = False) -> tuple[pa.Array, pa.Array]:
    """A column as float64, null where nothing stands or no number does; and where a text stands that is none.

    Args:
        column: texts, numbers, booleans or a dictionary of them.
        decimal: what stands before the decimals of a text.
        is_boolean: whether words such as `on` are numbers, too.
    """
    flat = one_array(column)
    if pa.types.is_boolean(flat.type):
        return flat.cast(pa.uint8()).cast(pa.float64()), pa.repeat(False, len(flat))
    if not _is_text(flat.type):
        return flat.cast(pa.float64(), safe=False), pa.repeat(False, len(flat))
    texts = pc.utf8_trim_whitespace(flat.cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), None, texts)
    plain = texts if decimal == "." else pc.replace_substring(texts, decimal, ".")
    with Session({"texts": pa.table({"text": plain})}) as session:
        numbers = session.query("SELECT try_cast(text AS DOUBLE) AS number FROM texts")["number"].combine_chunks()
    is_no_number = pc.and_(pc.is_valid(texts), pc.is_null(numbers))
    if is_boolean and pc.any(is_no_number).as_py():
        words = pc.index_in(pc.utf8_lower(texts), value_set=pa.array(list(_WORDS)))
        numbers = pc.coalesce(numbers, pa.array(list(_WORDS.values())).take(words))
        is_no_number = pc.and_(pc.is_valid(texts), pc.is_null(numbers))
    return numbers, is_no_number


def texts_of(column: pa.ChunkedArray) -> pa.Array:
    """A column as texts; whole numbers are written without decimals."""
    flat = one_array(column)
    if pa.types.is_floating(flat.type):
        whole = pc.and_(pc.equal(flat, pc.floor(flat)), pc.less(pc.abs(flat), 2.0**53))
        if pc.all(whole, min_count=0).as_py():
            flat = flat.cast(pa.int64())
    return flat.cast(pa.string())


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """A column in one piece, without a dictionary."""
    one = column
    if isinstance(column, pa.ChunkedArray):
        one = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
    return one.dictionary_decode() if pa.types.is_dictionary(one.type) else one


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_parquet(path: Path) -> bool:
    """Whether the file begins as Parquet does."""
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _read_csv(path: Path) -> pa.Table:
    """Every cell as text; the separator is the one that the line of names has."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        head = file.readline()
    separator = next((sign for sign in _SEPARATORS if sign in head), ",")
    names = csv.open_csv(path, parse_options=csv.ParseOptions(delimiter=separator)).schema.names
    return csv.read_csv(
        path,
        parse_options=csv.ParseOptions(delimiter=separator),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=list(_MISSING),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
