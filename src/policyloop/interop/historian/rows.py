"""Rows of steps, from whatever table a file holds: a long one, one to be put on a grid, or one that is rows already.

Question answered: which rows are there, in the loop's names, as numbers and texts?
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid, unknown
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import ACTION
from policyloop.interop.historian.clocks import settle_passes, settle_skipped
from policyloop.interop.historian.file import numbers_of, texts_of
from policyloop.interop.historian.ledger import Ledger
from policyloop.interop.historian.long_table import (
    AT,
    BATCH,
    ROW,
    STEP,
    TIMES,
    Series,
    columns_of_long,
    on_grid,
    read_long,
    read_wide,
)
from policyloop.interop.historian.reading import Reading
from policyloop.interop.historian.times import times_of
from policyloop.interop.historian.wanted import Wanted, match

Ints = NDArray[np.int64]


def read_rows(table: pa.Table, spec: LoopSpec, wanted: Mapping[str, Wanted], reading: Reading, into: Ledger) -> pa.Table:
    """Rows by the loop's names: of a long table or a grid one a tick, else as they are.

    Args:
        table: the file's, with `ROW`.
        spec: of the loop.
        wanted: what it wants.
        reading: how; `cut.column` and `step` are the file's columns.
        into: what is wrong.

    Raises:
        Invalid: nothing can be told of the rest.
    """
    names = [name for name in table.column_names if name != ROW]
    may_be_long = reading.tag is not None or not {"tag", "value"} & set(wanted)
    of_long = columns_of_long(names, reading) if may_be_long else None
    if of_long is not None and reading.every_s is None:
        raise Invalid(
            [Fault("--every", "is needed: a long table has no steps of its own. Expected such as 1s or 5m.", "missing")]
        )
    time = of_long[1] if of_long is not None else _time_column(names, wanted, reading)
    if time is None:
        return _typed(table, None, names, wanted, reading, into)
    own = of_long[0] if of_long is not None else reading.cut.column if reading.cut.by == "column" else None
    table, at = _timed(table, time, own if own in names else None, reading, into)
    if of_long is not None:
        return on_grid(read_long(table, at, of_long, wanted, reading, into), wanted, reading, into)
    if reading.every_s is None:
        return _typed(table, at, [name for name in names if name != time], wanted, reading, into)
    found = _found([name for name in names if name != time], wanted, reading, into)
    series = read_wide(table, at, found, wanted, reading, into) | _batches(table, at, reading)
    return on_grid(series, wanted, reading, into)


def _time_column(names: list[str], wanted: Mapping[str, Wanted], reading: Reading) -> str | None:
    """The column of times, of a table with a column for each name.

    Raises:
        Invalid: it is needed and not there.
    """
    if reading.time is not None and reading.time not in names:
        raise Invalid([Fault("--time", unknown("column of the file", reading.time, names), "unknown_name")])
    if reading.time is not None:
        return reading.time
    usual = next((name for name in names if name.lower() in TIMES and name not in wanted), None)
    needs = "--every" if reading.every_s is not None else "--episodes gap" if reading.cut.by == "gap" else None
    if usual is None and needs is not None:
        told = f"is needed for {needs}; expected the column of times, of {', '.join(names[:30])}."
        raise Invalid([Fault("--time", told, "missing")])
    return usual


def _timed(table: pa.Table, time: str, own: str | None, reading: Reading, into: Ledger) -> tuple[pa.Table, Ints]:
    """The rows that have a time, and the times, which rise among rows of one tag or episode, as the column `own` names it."""
    times = times_of(table[time], zone=reading.time_zone, time_format=reading.time_format)
    rows = np.asarray(table[ROW].to_numpy())

    def place(i: int) -> str:
        return f"row {rows[i]}"

    told = "is missing, or no time, in {rows}; expected ISO 8601, or `--time-format`."
    into.settle_rows("drop-nan", time, told, times.is_bad & ~times.is_skipped, place, code="bad_time")
    settle_skipped(times, reading.time_zone, time, place, into)
    group = np.zeros(len(rows), dtype=np.int64) if own is None else _group_of(table[own])
    is_key = reading.cut.by != "column" or reading.step not in table.column_names
    at = settle_passes(times, group, reading.time_zone, time, place, into, is_key=is_key)
    if not times.is_bad.any():
        return table, at
    if times.is_bad.all():
        into.raise_if_any("the file")
        raise Invalid([Fault(time, "is a time in no row; expected ISO 8601, or `--time-format`.", "bad_time")])
    return table.filter(pa.array(~times.is_bad)), at[~times.is_bad]


def _group_of(column: pa.ChunkedArray) -> Ints:
    """(n,) a number for each different text."""
    codes = texts_of(column).dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _found(names: list[str], wanted: Mapping[str, Wanted], reading: Reading, into: Ledger) -> dict[str, str]:
    """The loop's name -> the file's column."""
    held = [name for name in (reading.cut.column, reading.step) if name is not None]
    found = match(wanted, names, held, reading=reading, into=into)
    if reading.cut.by == "column" and reading.cut.column not in names:
        told = (
            f"is no column of the file, and nothing else says where episodes begin; expected `--episodes COLUMN`, "
            f"`gap=30m` or `steps=240`. Its columns: {', '.join(names[:30])}."
        )
        into.fault(str(reading.cut.column), told, "missing")
    return found


def _typed(
    table: pa.Table, at: Ints | None, names: list[str], wanted: Mapping[str, Wanted], reading: Reading, into: Ledger
) -> pa.Table:
    """Rows as they are in the file, as numbers and texts."""
    found = _found(names, wanted, reading, into)
    rows = np.asarray(table[ROW].to_numpy())
    columns: dict[str, pa.Array | pa.ChunkedArray] = {ROW: table[ROW]}
    if at is not None:
        columns[AT] = pa.array(at)
    if reading.cut.by == "column" and reading.cut.column in names:
        columns[BATCH] = texts_of(table[reading.cut.column])
    if reading.cut.by == "column" and reading.step in names:
        columns[STEP] = numbers_of(table[reading.step])[0]
    for name, column in found.items():
        one = wanted[name]
        if one.kind == "list":
            columns[name] = table[column]
        elif one.kind == "text":
            columns[name] = texts_of(table[column])
        else:
            columns[name], is_text = numbers_of(table[column], decimal=reading.decimal, is_boolean=one.kind == "boolean")
            bad = np.asarray(is_text.to_numpy(zero_copy_only=False))
            told = "is a text where a number belongs in {rows}."
            into.settle_rows("drop-text", column, told, bad, lambda i: f"row {rows[i]}", code="no_number")
    return pa.table(columns)


def _batches(table: pa.Table, at: Ints, reading: Reading) -> dict[str, Series]:
    """When which batch was run."""
    column = reading.cut.column
    if reading.cut.by != "column" or column is None or column not in table.column_names:
        return {}
    order = np.argsort(at, kind="stable")
    return {BATCH: Series(at[order], pc.fill_null(texts_of(table[column].take(pa.array(order))), ""))}


def labels_or_places(rows: pa.Table, labels: tuple[str, ...]) -> pa.Table:
    """The rows with labels in the column of the action, also where the file holds their places."""
    if ACTION not in rows.column_names or not labels:
        return rows
    told = rows[ACTION].unique().drop_null().to_pylist()
    places = {str(place): label for place, label in enumerate(labels)}
    if not told or set(told) & set(labels) or not set(told) <= set(places):
        return rows
    named = pc.index_in(rows[ACTION], value_set=pa.array(list(places)))
    return rows.set_column(rows.column_names.index(ACTION), ACTION, pa.chunked_array([pa.array(labels)]).take(named))
