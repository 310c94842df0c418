"""Long tables, as historians export them: one reading a row (tag, time, value, quality), made into a row a step.

Question answered: what did all tags say at each tick? Readings of bad quality are left out and counted; a tag's last good
reading holds until the next one, for `max_gap` at most (holding.py). Tables with a column for each tag go the same way, if they
are put on a grid.
Letters: m readings, n ticks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.errors import Fault, Invalid, unknown
from policyloop.interop.historian.file import numbers_of, texts_of
from policyloop.interop.historian.grid import NOTHING, in_silence, last_places, resampled, ticks_of, when_read
from policyloop.interop.historian.holding import held_us, told_of_holding
from policyloop.interop.historian.ledger import Ledger
from policyloop.interop.historian.reading import Method, Reading
from policyloop.interop.historian.wanted import Wanted, match

AT, ROW, BATCH, STEP = "#at", "#row", "#batch", "#step"  # names that no column of a loop can have beside its own
MAX_TICKS = 20_000_000
TAGS = ("tag", "tagname", "tag_name", "point", "sensor", "name")  # how the columns of a long table are usually called
TIMES = ("time", "timestamp", "ts", "datetime", "date_time", "datum")
VALUES = ("value", "val", "reading")
QUALITIES = ("quality", "status", "qual")

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Series:
    """Readings of one tag, rising in time."""

    at: Ints  # (m,)
    value: pa.Array  # (m,) float64 or texts, none null


def columns_of_long(names: list[str], reading: Reading) -> tuple[str, str, str, str | None] | None:
    """The columns of tag, time, value and quality; None when the table has a column for each name.

    Raises:
        Invalid: one that was named is not there, or is missing beside others.
    """
    usual = {name.lower(): name for name in names}
    found = {}
    for what, said, known in (
        ("tag", reading.tag, TAGS),
        ("time", reading.time, TIMES),
        ("value", reading.value, VALUES),
        ("quality", reading.quality, QUALITIES),
    ):
        if said is not None and said not in names:
            raise Invalid([Fault(f"--{what}", unknown("column of the file", said, names), "unknown_name")])
        found[what] = said if said is not None else next((usual[name] for name in known if name in usual), None)
    tag, time, value = found["tag"], found["time"], found["value"]
    if reading.tag is None and reading.value is None and (tag is None or value is None):
        return None
    missing = [what for what in ("tag", "time", "value") if found[what] is None]
    if tag is None or time is None or value is None:
        told = f"of the {missing[0]} is not known in a long table; expected `--{missing[0]} COLUMN`, one of {', '.join(names)}."
        raise Invalid([Fault("column", told, "missing")])
    return tag, time, value, found["quality"]


def read_long(
    table: pa.Table,
    at: Ints,
    columns: tuple[str, str, str, str | None],
    wanted: Mapping[str, Wanted],
    reading: Reading,
    into: Ledger,
) -> dict[str, Series]:
    """The readings of each name that the loop wants, and of the batch.

    Args:
        table: the file's, m rows with a good time.
        at: (m,) when.
        columns: as `columns_of_long` gives them.
        wanted: of the loop.
        reading: how.
        into: faults and repairs.
    """
    tag, _, value, quality = columns
    rows = np.asarray(table[ROW].to_numpy())
    if quality is not None:
        keep = good_readings(table[quality], quality, reading, into)
        table, at, rows = table.filter(pa.array(keep)), at[keep], rows[keep]
    codes = table[tag].cast(pa.string()).combine_chunks().dictionary_encode()
    tags = [str(one) for one in codes.dictionary.to_pylist()]
    batch = reading.cut.column if reading.cut.by == "column" else None
    held = [name for name in (batch,) if name is not None]
    found = match(wanted, tags, held, reading=reading, into=into)
    place = pc.fill_null(codes.indices, len(tags)).to_numpy(zero_copy_only=False).astype(np.int32)
    order = np.argsort(place, kind="stable")
    bounds = np.searchsorted(place[order], np.arange(len(tags) + 1))
    series = {}
    extra = {BATCH: Wanted(batch, "text", "said", True)} if batch in tags else {}
    for name, one in ({n: wanted[n] for n in found} | extra).items():
        code = tags.index(one.name if name == BATCH else found[name])
        mine = order[bounds[code] : bounds[code + 1]]
        named = table[value] if name != BATCH else pc.fill_null(texts_of(table[value]), "")  # without a name there is none
        series[name] = _one(named.take(pa.array(mine)), at[mine], rows[mine], one, reading, into)
    if batch is not None and batch in table.column_names and BATCH not in series:
        by_time = np.argsort(at, kind="stable")
        series[BATCH] = Series(at[by_time], pc.fill_null(texts_of(table[batch].take(pa.array(by_time))), ""))
    return series


def read_wide(
    table: pa.Table, at: Ints, found: Mapping[str, str], wanted: Mapping[str, Wanted], reading: Reading, into: Ledger
) -> dict[str, Series]:
    """The same of a table with a column for each name."""
    rows = np.asarray(table[ROW].to_numpy())
    return {name: _one(table[column], at, rows, wanted[name], reading, into) for name, column in found.items()}


def on_grid(series: Mapping[str, Series], wanted: Mapping[str, Wanted], reading: Reading, into: Ledger) -> pa.Table:
    """A row a tick: `AT`, and a column a name; null where nothing is known. Ticks before all have begun are left out.

    Raises:
        Invalid: nothing is there, or there would be more ticks than can be.
    """
    assert reading.every_s is not None
    every = round(reading.every_s * US_PER_S)
    gap = held_us(reading)
    needed = [one.at for name, one in series.items() if len(one.at) and (name == BATCH or wanted[name].is_needed)]
    if not needed:
        raise Invalid([Fault("readings", "are none that the loop needs; expected some of good quality.", "empty")])
    first, last = max(int(at[0]) for at in needed), max(int(at[-1]) for at in needed)
    if (last - first) / every > MAX_TICKS:
        told = f"would make {(last - first) // every:,} steps; expected at most {MAX_TICKS:,}. Take a longer one."
        raise Invalid([Fault("--every", told, "too_large")])
    ticks = ticks_of(first, last, every)
    if not len(ticks):
        raise Invalid([Fault("readings", "of all tags together span less than one step; expected more of them.", "empty")])
    begun = min(int(at[0]) for at in needed)
    if (first - begun) // every > 0:
        into.notes.append(f"{(first - begun) // every:,} steps at the start are left out: some tag had no reading yet.")
    columns: dict[str, pa.Array] = {AT: pa.array(ticks)}
    for name, one in series.items():
        role = "said" if name == BATCH else wanted[name].role
        if pa.types.is_floating(one.value.type):
            numbers = resampled(
                one.at,
                one.value.to_numpy(zero_copy_only=False),
                ticks,
                role=role,
                method=_method(name, wanted, reading),
                every_us=every,
                max_gap_us=gap,
            )
            columns[name] = pa.array(numbers, from_pandas=True)
        else:
            place = last_places(one.at, when_read(ticks, role=role, every_us=every), gap)
            columns[name] = one.value.take(pa.array(place, mask=place == NOTHING))
    grid = pa.table(columns)
    usable = _usable(grid, wanted)
    silent = np.zeros(len(ticks), dtype=bool)
    if gap is not None:
        silent = in_silence(np.concatenate(needed), ticks, every_us=every, max_gap_us=gap)
    if reading.max_gap_s is None:
        held = {name: one.at for name, one in series.items() if name != BATCH and _method(name, wanted, reading) != "mean"}
        into.notes += told_of_holding(held, ticks, usable=usable, silent=silent, reading=reading)
    return grid.filter(pa.array(usable & ~silent))


def _usable(grid: pa.Table, wanted: Mapping[str, Wanted]) -> NDArray[np.bool_]:
    """(n,) ticks that are a step: all that must be known is. Or that are what the step before led to, right before a gap."""
    known = {"context": np.ones(grid.num_rows, dtype=bool), "action": np.ones(grid.num_rows, dtype=bool)}
    for name, one in wanted.items():
        if one.is_needed and name in grid.column_names:
            known[one.role] &= np.asarray(grid[name].is_valid().to_numpy()).astype(bool)
    whole: NDArray[np.bool_] = known["context"] & known["action"]
    follows, leads = np.append(False, whole[:-1]), np.append(whole[1:], False)
    whole |= known["context"] & follows & ~leads
    return whole


def _method(name: str, wanted: Mapping[str, Wanted], reading: Reading) -> Method:
    """Actions and booleans are what they are until they change, unless one is named."""
    is_plain = name in wanted and wanted[name].kind == "number" and wanted[name].role in ("context", "outcome")
    if is_plain or name in reading.resample:
        return reading.method_of(name)
    return "last"


def good_readings(column: pa.ChunkedArray, name: str, reading: Reading, into: Ledger) -> NDArray[np.bool_]:
    """(m,) whether a reading can be trusted.

    Raises:
        Invalid: none can.
    """
    words = texts_of(column).dictionary_encode()
    is_good = np.array([str(word).strip().lower() in reading.good for word in words.dictionary.to_pylist()] + [False])
    keep: NDArray[np.bool_] = is_good[pc.fill_null(words.indices, len(is_good) - 1).to_numpy(zero_copy_only=False)]
    if not keep.any():
        known = ", ".join(f"'{word}'" for word in words.dictionary.to_pylist()[:10])
        raise Invalid([Fault(name, f"is never one of {', '.join(sorted(reading.good))}; expected `--good VALUE`, of {known}.")])
    if not keep.all():
        bad = ", ".join(f"'{w}'" for w, good in zip(words.dictionary.to_pylist(), is_good[:-1], strict=True) if not good)
        into.notes.append(f"{int((~keep).sum()):,} of {len(keep):,} readings are left out for their quality ({bad}).")
    return keep


def _one(column: pa.ChunkedArray, at: Ints, rows: Ints, one: Wanted, reading: Reading, into: Ledger) -> Series:
    """The readings of one name: in order, each time once, none missing."""

    def place(i: int) -> str:
        return f"row {rows[i]}"

    if one.kind == "text":
        value = texts_of(column)
        is_text = pa.repeat(False, len(value))
    else:
        value, is_text = numbers_of(column, decimal=reading.decimal, is_boolean=one.kind == "boolean")
    bad_text = np.asarray(is_text.to_numpy(zero_copy_only=False))
    into.settle_rows("drop-text", one.name, "is a text where a number belongs in {rows}.", bad_text, place, code="no_number")
    is_there = np.asarray(value.is_valid().to_numpy(zero_copy_only=False))
    if one.kind != "text":
        is_odd = is_there & ~np.isfinite(np.where(is_there, value.to_numpy(zero_copy_only=False), 0.0))
        into.settle_rows("drop-nan", one.name, "is not a finite number in {rows}.", is_odd, place, code="nan")
        is_there &= ~is_odd
    is_back = np.append(False, np.diff(at) < 0)
    into.settle_rows("sort", one.name, "has times that go back in {rows}.", is_back, place, code="unsorted")
    order = np.argsort(at, kind="stable") if is_back.any() else np.arange(len(at))
    order = order[is_there[order]]
    value, at = value.take(pa.array(order)), at[order]
    again = np.append(False, np.diff(at) == 0)
    if again.any():
        other = again.copy()
        other[1:] &= np.asarray(pc.not_equal(value[1:], value[:-1]).to_numpy(zero_copy_only=False))
        into.settle_rows(
            "drop-repeated",
            one.name,
            "has another value at the same time in {rows}.",
            other,
            lambda i: f"row {rows[order[i]]}",
            code="repeated",
        )
        value, at = value.filter(pa.array(~again)), at[~again]
    return Series(at, value)
