"""A history is checked before any of it enters the tables: every row, all kinds of faults at once.

Question answered: does each row say what the loop's spec declares, and can its propensity be true?
Gaps between steps are no fault here: the join cuts episodes at them.
Letters: n rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import Field, LoopSpec
from policyloop.lake.episode_history import fields_of_history, history_schema

Bools = NDArray[np.bool_]
_Wrong = tuple[str, Bools, str]  # column, (n,) where it is wrong, what was expected

KINDS = ("probability", "density", "mixed", "point", "estimated", "unknown")
_NEED_NO_PROPENSITY = ("unknown", "point")
_AT_MOST_ONE = ("probability", "point", "estimated")
_EDGE = 1e-6  # of the width of a box: other systems log with fewer digits than we do


def checked_history(history: pa.Table, spec: LoopSpec, *, now_us: int) -> pa.Table:
    """The history in the loop's schema; columns that were left out are null.

    Args:
        history: columns of `history_schema`.
        spec: the loop's spec.
        now_us: no decision may be later.

    Raises:
        Invalid: some rows do not fit; of every kind of fault the first row is named, and how many there are.
    """
    table = _in_schema(history, spec)
    faults = [_fault(table, *wrong) for wrong in _wrongs(table, spec, now_us) if wrong[1].any()]
    if faults:
        raise Invalid(faults, subject="the history")
    return table


def is_action(table: pa.Table) -> Bools:
    """(n,) whether a row is a decision; the others are contexts that episodes ended in."""
    is_there: Bools = pc.or_(pc.is_valid(table["action"]), pc.is_valid(table["action_value"])).to_numpy().astype(bool)
    return is_there


def follows(table: pa.Table) -> Bools:
    """(n,) whether a row belongs to the episode of the row before."""
    ids = table["episode_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    return np.append(False, ids[1:] == ids[:-1]) if len(ids) else np.zeros(0, dtype=bool)


def _in_schema(history: pa.Table, spec: LoopSpec) -> pa.Table:
    schema = history_schema(spec)
    missing = [f.name for f in schema if f.name not in history.column_names and not f.nullable]
    further = [name for name in history.column_names if name not in schema.names]
    hashed = [f.name for f in fields_of_history(spec) if f.store == "hash"]
    faults = [Fault(f"$.{name}", "is missing; expected a column of a history.", "missing") for name in missing]
    faults += [Fault(f"$.{name}", f"is no column of a history; known: {', '.join(schema.names)}.") for name in further]
    faults += [
        Fault(f"$.context.{name}", "is stored hashed, which only `policyloop import` row by row does.") for name in hashed
    ]
    if faults:
        raise Invalid(faults, subject="the history")
    n = history.num_rows
    columns = [history[f.name].cast(f.type) if f.name in history.column_names else pa.nulls(n, f.type) for f in schema]
    return pa.table(columns, schema=schema).combine_chunks()


def _fault(table: pa.Table, name: str, is_wrong: Bools, expected: str) -> Fault:
    row = int(is_wrong.argmax())
    value, at = table, [name]
    if name.startswith(("context.", "outcomes.")):
        at = name.split(".", 1)
    value = table[at[0]][row].as_py()
    told = value.get(at[1]) if len(at) == 2 and value is not None else value
    where = f"$[{row}].{name}"
    whose = f"episode '{table['episode_id'][row].as_py()}', step {table['step'][row].as_py()}"
    more = f" {int(is_wrong.sum()) - 1:,} further rows have the same fault." if is_wrong.sum() > 1 else ""
    return Fault(where, f"is {str(told)[:60]} ({whose}); expected {expected}.{more}")


def _wrongs(table: pa.Table, spec: LoopSpec, now_us: int) -> Iterator[_Wrong]:
    """What may be wrong, kind by kind."""
    for name in ("episode_id", "step", "context", "terminated", "truncated"):
        yield name, _null(table[name]), "a value"
    yield from _wrong_order(table)
    for field in fields_of_history(spec):
        if field.store != "never":
            yield from _wrong_field(field, pc.struct_field(table["context"], field.name))
    yield from _wrong_actions(table, spec, is_action(table))
    yield from _wrong_propensities(table, is_action(table))
    for outcome in spec.outcomes.values():
        values = _floats(pc.struct_field(table["outcomes"], outcome.name))
        low, high = (-np.inf if outcome.min is None else outcome.min), (np.inf if outcome.max is None else outcome.max)
        is_there = ~_null(pc.struct_field(table["outcomes"], outcome.name))
        yield (
            f"outcomes.{outcome.name}",
            is_there & ~((values >= low) & (values <= high) & np.isfinite(values)),
            (f"a number from {low:g} to {high:g}"),
        )
    at = table["decided_at"]
    yield "decided_at", _null(at) & (at.null_count < len(at)), "a time in every row or in none"
    yield "decided_at", pc.fill_null(at, 0).to_numpy() > now_us, "a time that is not in the future"


def _wrong_order(table: pa.Table) -> Iterator[_Wrong]:
    same, acts = follows(table), is_action(table)
    ids = table["episode_id"].combine_chunks().dictionary_encode()
    starts = np.flatnonzero(~same)
    _, first = np.unique(ids.indices.to_numpy()[starts], return_index=True) if len(starts) else ([], np.zeros(0, dtype=int))
    again = np.zeros(table.num_rows, dtype=bool)
    again[np.delete(starts, first)] = True
    yield "episode_id", again, "the rows of an episode to stand together"
    step = pc.fill_null(table["step"], 0).to_numpy()
    yield "step", same & (np.diff(step, prepend=step[:1]) <= 0), "steps that rise within an episode, each once"
    terminated, truncated = (pc.fill_null(table[name], False).to_numpy().astype(bool) for name in ("terminated", "truncated"))
    yield "terminated", terminated & truncated, "an end that is either terminated or truncated"
    ends = (terminated | truncated) & acts
    goes_on = np.append(same[1:] & acts[1:], False) if len(same) else same
    yield "terminated", ends & goes_on, "no decision of the episode after its end"
    yield "action", ~acts & ~same, "a decision before the context that an episode ends in"
    yield "action", ~acts & (np.append(same[1:], False) if len(same) else same), "a context without an action at the end alone"


def _wrong_field(field: Field, column: pa.ChunkedArray) -> Iterator[_Wrong]:
    name, is_null = f"context.{field.name}", _null(column)
    if not field.optional:
        yield name, is_null, "a value, as the field is not optional"
    if field.type in ("number", "integer"):
        values = _floats(column)
        low, high = (-np.inf if field.min is None else field.min), (np.inf if field.max is None else field.max)
        yield name, ~is_null & ~(np.isfinite(values) & (values >= low) & (values <= high)), f"a number from {low:g} to {high:g}"
    if field.type == "category" and field.values is not None:
        known = pc.is_in(column, value_set=pa.array(field.values)).to_numpy().astype(bool)
        yield name, ~is_null & ~known, f"one of {', '.join(field.values)}"
    if field.type == "tensor":
        assert field.shape is not None
        yield name, ~is_null & ~_has_shape(column, field.shape), f"numbers of shape {list(field.shape)}"


def _has_shape(column: pa.ChunkedArray, shape: tuple[int, ...]) -> Bools:
    """(n,) whether nested lists have that shape, and finite numbers in it."""
    fits: Bools = pc.fill_null(pc.equal(pc.list_value_length(column), shape[0]), False).to_numpy().astype(bool)
    inner = pc.list_flatten(column)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
    is_fine = _has_shape(inner, shape[1:]) if len(shape) > 1 else np.isfinite(_floats(inner))
    bad = np.bincount(np.repeat(np.arange(len(column)), lengths)[~is_fine], minlength=len(column))
    is_whole: Bools = np.logical_and(fits, bad == 0)
    return is_whole


def _wrong_actions(table: pa.Table, spec: LoopSpec, acts: Bools) -> Iterator[_Wrong]:
    kind = spec.actions.kind
    parts = [spec.labels] if kind == "discrete" else [choice.labels for choice in spec.actions.choices]
    lists = pc.list_value_length(table["action"])
    has_all = pc.fill_null(lists, 0).to_numpy() == len(parts)
    yield "action", acts & ~has_all, f"places of {len(parts)} labelled parts"
    rows = np.flatnonzero(acts & has_all)
    flat = pc.list_flatten(table["action"].take(pa.array(rows))).to_numpy().reshape(len(rows), len(parts))
    for place, labels in enumerate(parts):
        wrong = np.zeros(len(acts), dtype=bool)
        wrong[rows[(flat[:, place] < 0) | (flat[:, place] >= len(labels))]] = True
        yield "action", wrong, f"a place from 0 to {len(labels) - 1}"
    box = spec.actions.box
    has_all = pc.fill_null(pc.list_value_length(table["action_value"]), 0).to_numpy() == len(box)
    yield "action_value", acts & ~has_all, f"{len(box)} numbers"
    rows = np.flatnonzero(acts & has_all)
    numbers = pc.list_flatten(table["action_value"].take(pa.array(rows))).to_numpy().reshape(len(rows), len(box))
    for place, part in enumerate(box):
        wrong, edge = np.zeros(len(acts), dtype=bool), _EDGE * (part.high - part.low)
        is_inside = (numbers[:, place] >= part.low - edge) & (numbers[:, place] <= part.high + edge)
        wrong[rows[~is_inside]] = True
        yield "action_value", wrong, f"{part.name} from {part.low:g} to {part.high:g}"


def _wrong_propensities(table: pa.Table, acts: Bools) -> Iterator[_Wrong]:
    kind = pc.fill_null(table["propensity_kind"], "unknown")
    known = pc.is_in(kind, value_set=pa.array(KINDS)).to_numpy().astype(bool)
    yield "propensity_kind", ~known, f"one of {', '.join(KINDS)}"
    value, is_null = _floats(table["propensity"]), _null(table["propensity"])
    may_lack = pc.is_in(kind, value_set=pa.array(_NEED_NO_PROPENSITY)).to_numpy().astype(bool)
    yield "propensity", acts & known & is_null & ~may_lack, "a propensity, or the kind `unknown`"
    yield "propensity", ~is_null & ~(np.isfinite(value) & (value > 0)), "a finite number above 0"
    is_chance = pc.is_in(kind, value_set=pa.array(_AT_MOST_ONE)).to_numpy().astype(bool)
    yield "propensity", ~is_null & is_chance & (value > 1 + _EDGE), "a probability of at most 1"


def _null(column: pa.ChunkedArray) -> Bools:
    is_null: Bools = pc.is_null(column).to_numpy().astype(bool)
    return is_null


def _floats(column: pa.ChunkedArray) -> NDArray[Any]:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
