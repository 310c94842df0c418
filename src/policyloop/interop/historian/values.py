"""The values of a history, row by row: numbers that are none, actions that could not be done, contexts out of bounds.

Question answered: which rows can be learned from as they are, which after a named repair, and which not at all?
Letters: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.errors import nearest
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_episodes import ACTION
from policyloop.core.state import MAX_FLOAT32, is_in_state
from policyloop.interop.historian.ledger import Bools, Ledger
from policyloop.interop.historian.steps import Steps
from policyloop.interop.historian.wanted import Wanted

_ROUNDING = 1e-9  # of the width of a box: so far outside it is rounding, and nobody is told


def check_values(steps: Steps, spec: LoopSpec, wanted: Mapping[str, Wanted], into: Ledger) -> tuple[Steps, Bools]:
    """The rows that hold what they must, with repairs made, and (n,) which they are.

    Args:
        steps: in order.
        spec: bounds and labels.
        wanted: what each column is for.
        into: what is wrong.
    """
    there = {name: one for name, one in wanted.items() if name in steps.rows.column_names}
    is_last_context = _is_last_context(steps, there)
    bad = np.zeros(len(steps.step), dtype=bool)
    for name, one in there.items():
        is_whole = name in spec.context and spec.context[name].type == "integer"
        bad |= _not_there(steps, name, one, is_last_context, is_whole=is_whole, into=into)
        bad |= _beyond_states(steps, spec.context[name], into) if name in spec.context else False
    kept = steps.where(~bad)
    is_last_context = is_last_context[~bad]
    rows = kept.rows
    for part in spec.actions.box:
        if part.name in there:
            rows = _bounded(kept, rows, part.name, part.low, part.high, repair="clip-actions", into=into)
    for name in there:
        field = spec.context.get(name)
        if field is not None and field.type in ("number", "integer"):
            low = -np.inf if field.min is None else field.min
            high = np.inf if field.max is None else field.max
            rows = _bounded(kept, rows, name, low, high, repair="clip-context", into=into)
        elif field is not None and field.type == "category" and field.values is not None:
            _among(kept, name, field.values, "value", into)
    for name, labels in _labels_of(spec).items():
        if name in there:
            _among(kept, name, labels, "label", into)
    _constant(kept, rows, there, is_last_context, into)
    return kept.with_rows(rows), ~bad


def numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    """(n,) a column, NaN where it is null."""
    return np.asarray(rows[name].to_numpy(), dtype=np.float64)


def is_null(rows: pa.Table, name: str) -> Bools:
    """(n,) where nothing stands."""
    return np.asarray(pc.is_null(rows[name]).to_numpy()).astype(bool)


def _is_last_context(steps: Steps, there: Mapping[str, Wanted]) -> Bools:
    """(n,) the last row of an episode, without an action: what the episode ended in."""
    actions = [name for name, one in there.items() if one.role == "action"]
    is_last = np.append(steps.is_first[1:], True) if len(steps.step) else np.zeros(0, dtype=bool)
    for name in actions:
        is_last = is_last & is_null(steps.rows, name)
    return is_last


def _not_there(steps: Steps, name: str, one: Wanted, is_last_context: Bools, *, is_whole: bool, into: Ledger) -> Bools:
    """(n,) rows in which a value is missing that must be there, or is no finite number."""
    if one.role == "said":
        return np.zeros(len(steps.step), dtype=bool)
    missing = is_null(steps.rows, name)
    bad = missing & one.is_needed
    if one.role == "action":
        bad &= ~is_last_context
    if one.kind in ("number", "boolean"):
        bad |= ~missing & ~np.isfinite(numbers(steps.rows, name))
    into.settle_rows("drop-nan", name, "is missing or not a finite number in {rows}.", bad, steps.place, code="nan")
    if one.kind != "boolean" and not is_whole:
        return bad
    value = numbers(steps.rows, name)
    odd = np.isfinite(value) & ((value != np.floor(value)) if is_whole else (value != 0) & (value != 1))
    told = f"is {'no whole number' if is_whole else 'neither 0 nor 1'} in {{rows}}."
    into.settle_rows("drop-nan", name, told, odd, steps.place, code="no_number")
    bad |= odd
    return bad


def _beyond_states(steps: Steps, field: Field, into: Ledger) -> Bools:
    """(n,) rows with a number between the loop's bounds that a state cannot hold."""
    if field.type != "number" or not is_in_state(field):
        return np.zeros(len(steps.step), dtype=bool)
    value = numbers(steps.rows, field.name)
    low, high = -np.inf if field.min is None else field.min, np.inf if field.max is None else field.max
    beyond = np.isfinite(value) & (np.abs(value) > MAX_FLOAT32) & (value >= low) & (value <= high)
    told = f"is beyond {MAX_FLOAT32:.3g}, and a state of float32 cannot hold it, in {{rows}}."
    into.settle_rows("drop-nan", field.name, told, beyond, steps.place, code="outside")
    return beyond


def _bounded(steps: Steps, rows: pa.Table, name: str, low: float, high: float, *, repair: str, into: Ledger) -> pa.Table:
    """The rows with a column inside its bounds."""
    value = numbers(rows, name)
    slack = _ROUNDING * (high - low) if np.isfinite(high - low) else 0.0
    outside = (value < low - slack) | (value > high + slack)
    if outside.any():
        worst = float(value[outside][np.abs(value[outside]).argmax()])
        told = f"is {worst:g} and the like in {{rows}}; expected {low:g} to {high:g}."
        into.settle_rows(repair, name, told, outside, steps.place, code="outside")
    if not ((value < low) | (value > high)).any():
        return rows
    clipped = pa.array(np.clip(value, low, high), from_pandas=True)
    return rows.set_column(rows.column_names.index(name), name, clipped)


def _labels_of(spec: LoopSpec) -> dict[str, tuple[str, ...]]:
    """Columns of labels -> the labels."""
    named = {choice.name: choice.labels for choice in spec.actions.choices}
    return named | ({ACTION: spec.actions.labels} if spec.actions.labels else {})


def _among(steps: Steps, name: str, known: tuple[str, ...], what: str, into: Ledger) -> None:
    """Texts that must be among those that the loop file lists. Nobody can guess what another should have been."""
    column = steps.rows[name]
    strange = np.asarray(pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, value_set=pa.array(known)))).to_numpy())
    if not strange.any():
        return
    first = [str(one) for one in column.filter(pa.array(strange)).unique().to_pylist()][:3]
    near = nearest(first[0], known)
    hint = f"; did you mean '{near}'?" if near is not None else f"; known: {', '.join(known[:10])}."
    shown = ", ".join(f"'{one}'" for one in first)
    place = steps.place(int(strange.argmax()))
    into.fault(name, f"is {shown} in {int(strange.sum()):,} rows ({place}, ...), no {what} of the loop{hint}", "unknown_name")


def _constant(steps: Steps, rows: pa.Table, there: Mapping[str, Wanted], is_last_context: Bools, into: Ledger) -> None:
    """Columns that say the same in every row teach nothing."""
    n = rows.num_rows
    if n < 2:
        return
    for name, one in there.items():
        if one.role not in ("context", "action") or one.kind == "list":
            continue
        column = rows[name] if one.role == "context" else rows[name].filter(pa.array(~is_last_context))
        if len(column) < 2 or not _is_one_value(column):
            continue
        value = column[0].as_py()
        told = f"is {f'{value:g}' if isinstance(value, float) else value} in all {len(column):,} rows: nothing can be learned"
        about = "about it." if one.role == "context" else "about doing anything else."
        into.settle("keep-constant", name, f"{told} {about}", n=1, code="constant")


def _is_one_value(column: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(column.type):
        ends = pc.min_max(column)
        return bool(ends["min"] == ends["max"]) and column.null_count == 0
    return len(column.unique()) == 1
