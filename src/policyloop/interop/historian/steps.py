"""Rows put in order: which episode each belongs to, and which step of it each is.

Question answered: where does an episode begin, in what order do its steps come, and is one missing or there twice?
Episodes are told by a column, by a silence, or by a fixed number of steps. Rows of one episode may stand among others'; what
must rise is the step, or the time, within each.
Letters: n rows, b episodes before they are cut where steps are missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S, iso
from policyloop.interop.historian.file import one_array
from policyloop.interop.historian.ledger import Bools, Ledger, Place
from policyloop.interop.historian.long_table import AT, BATCH, ROW, STEP
from policyloop.interop.historian.reading import Reading

Ints = NDArray[np.int64]

_IDLE = ("", "0", "none", "idle", "-")  # what a batch is called while there is none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Steps:
    """n rows in the order of their episodes and steps."""

    rows: pa.Table
    episode: Ints  # (n,) rising from 0
    step: Ints  # (n,) rising in each episode
    is_first: Bools  # (n,) it does not follow the row before: an episode, or what is left of one, begins
    names: pa.Array  # (b,) of the episodes

    def place(self, i: int) -> str:
        """Where a row stands in the file, or when it was."""
        return place_of(self.rows, i)

    def with_rows(self, rows: pa.Table) -> Steps:
        """The same steps, with these columns."""
        return Steps(rows=rows, episode=self.episode, step=self.step, is_first=self.is_first, names=self.names)

    def cut_at(self, is_new: Bools) -> Steps:
        """The same, beginning anew in these rows (n,), too."""
        return Steps(rows=self.rows, episode=self.episode, step=self.step, is_first=self.is_first | is_new, names=self.names)

    def where(self, keep: Bools) -> Steps:
        """The rows where `keep` (n,); what follows a hole begins anew."""
        if keep.all():
            return self
        run = np.cumsum(self.is_first | np.append(False, ~keep[:-1]))[keep]
        return Steps(
            rows=self.rows.filter(pa.array(keep)),
            episode=self.episode[keep],
            step=self.step[keep],
            is_first=np.diff(run, prepend=-1) != 0,
            names=self.names,
        )


def place_of(rows: pa.Table, i: int) -> str:
    """`row 17`, or of a grid the time of its tick."""
    if ROW in rows.column_names:
        return f"row {rows[ROW][i].as_py()}"
    return short_iso(rows[AT][i].as_py())


def in_order(rows: pa.Table, reading: Reading, *, every_us: int | None, file: str, into: Ledger) -> Steps:
    """Episodes and steps of rows.

    Args:
        rows: with `AT`, `BATCH`, `STEP` as far as they are known.
        reading: where episodes begin.
        every_us: a step's time, of rows on a grid; None: each row is a step.
        file: names the episodes that have neither a name nor a time.
        into: what is wrong.
    """
    rows, code, names = _batches(rows, reading, is_on_grid=every_us is not None, into=into)
    rows, code, key = _keys(rows, code, into)
    order = np.argsort(code, kind="stable")
    back = _within(code[order], np.diff(key[order], prepend=0) < 0)
    what = "step" if STEP in rows.column_names else "time"
    into.settle_rows(
        "sort", what, "goes back within an episode in {rows}.", _unordered(back, order), _placed(rows), code="unsorted"
    )
    if back.any():
        order = np.lexsort((key, code))
    if not (order == np.arange(len(order))).all():
        rows, code, key = rows.take(pa.array(order)), code[order], key[order]
    again = _within(code, np.diff(key, prepend=0) == 0)
    told = "is there before, in the same episode, in {rows}."
    into.settle_rows("drop-repeated", what, told, again, _placed(rows), code="repeated")
    if again.any():
        rows, code, key = rows.filter(pa.array(~again)), code[~again], key[~again]
    is_new = np.diff(code, prepend=-1) != 0
    is_first = is_new | _missing_before(rows, is_new, key, reading, every_us=every_us, into=into)
    if reading.cut.by == "gap":
        silence = is_new | (np.diff(key, prepend=0) > round(reading.cut.gap_s * US_PER_S))
        code, names, is_first = np.cumsum(silence) - 1, _by_time(key[silence]), is_first | silence
    elif names is None:
        starts = key[:1]
        names = _by_time(starts) if AT in rows.column_names else pa.array([file])
    return Steps(rows=rows, episode=code, step=_numbered(rows, code, key, every_us), is_first=is_first, names=names)


def _batches(rows: pa.Table, reading: Reading, *, is_on_grid: bool, into: Ledger) -> tuple[pa.Table, Ints, pa.Array | None]:
    """Rows that belong to an episode, its place among their names, and the names; one without a name, where no column tells."""
    if BATCH not in rows.column_names:
        return rows, np.zeros(rows.num_rows, dtype=np.int64), None
    told = rows[BATCH]
    if is_on_grid:  # between two batches there is none
        told = pc.if_else(pc.is_in(pc.utf8_lower(told), value_set=pa.array(_IDLE)), None, told)
    nameless = np.asarray(pc.is_null(told).to_numpy()).astype(bool)
    if not is_on_grid:
        into.settle_rows("drop-nan", "episode", "is missing in {rows}.", nameless, _placed(rows), code="missing")
    if nameless.any():
        keep = pa.array(~nameless)
        rows, told = rows.filter(keep), told.filter(keep)
    encoded = one_array(told.cast(pa.string())).dictionary_encode()
    return rows, encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def _keys(rows: pa.Table, code: Ints, into: Ledger) -> tuple[pa.Table, Ints, Ints]:
    """What orders the rows of an episode: steps, or times, or where they stand in the file."""
    if STEP in rows.column_names:
        step = np.asarray(rows[STEP].to_numpy(), dtype=np.float64)
        bad = ~(np.isfinite(step) & (step == np.floor(np.nan_to_num(step))) & (np.abs(step) < 2.0**53))
        into.settle_rows("drop-nan", "step", "is no whole number in {rows}.", bad, _placed(rows), code="no_number")
        if bad.any():
            rows, code, step = rows.filter(pa.array(~bad)), code[~bad], step[~bad]
        return rows, code, step.astype(np.int64)
    if AT in rows.column_names:
        return rows, code, np.asarray(rows[AT].to_numpy()).astype(np.int64)
    return rows, code, np.arange(rows.num_rows, dtype=np.int64)


def _missing_before(rows: pa.Table, is_new: Bools, key: Ints, reading: Reading, *, every_us: int | None, into: Ledger) -> Bools:
    """(n,) whether something is missing before a row, in the middle of its episode."""
    jump = np.diff(key, prepend=0)
    if STEP in rows.column_names:
        holes, what = jump > 1, "step"
    elif every_us is not None:
        holes, what = jump > every_us, "time"
    elif AT in rows.column_names and reading.max_gap_s is not None:
        holes, what = jump > round(reading.max_gap_s * US_PER_S), "time"
    else:
        return np.zeros(len(key), dtype=bool)
    holes &= ~is_new
    if reading.cut.by == "gap":
        holes &= jump <= round(reading.cut.gap_s * US_PER_S)
    into.settle_rows("split-gaps", what, "has a gap right before it in {rows}.", holes, _placed(rows), code="gap")
    return holes


def _numbered(rows: pa.Table, code: Ints, key: Ints, every_us: int | None) -> Ints:
    """(n,) the step of each row: as it was logged, by its tick, or its place in the episode."""
    if STEP in rows.column_names:
        return key
    first = np.flatnonzero(np.diff(code, prepend=-1))
    length = np.diff(first, append=len(code))
    if every_us is not None:
        return (key - np.repeat(key[first], length)) // every_us
    return np.arange(len(code)) - np.repeat(first, length)


def _within(code: Ints, which: Bools) -> Bools:
    """The same where the row before is of the same episode."""
    within: Bools = which & (np.diff(code, prepend=-1) == 0)
    return within


def _unordered(which: Bools, order: Ints) -> Bools:
    """Marks of rows in an order -> marks of the rows as they stand."""
    marks = np.zeros(len(which), dtype=bool)
    marks[order[which]] = True
    return marks


def _placed(rows: pa.Table) -> Place:
    return lambda i: place_of(rows, i)


def _by_time(starts: Ints) -> pa.Array:
    return pa.array([short_iso(int(at)) for at in starts])


def short_iso(at_us: int) -> str:
    """A time without decimals that are zero: `2026-03-02T06:00:00Z`."""
    return iso(at_us).replace(".000000Z", "Z")
