"""A history enters the tables in columns, beside the log and exactly once.

Question answered: how do a million steps of another system become decisions and outcomes in seconds, and only once?
A history is named by its content. Its rows go in as a few commits, each of which records (a Delta app transaction) that it
carried this part of this history; that number is read first, through the same handle. So an import that was killed anywhere is
finished by starting it again, and one that was finished does nothing. Ids follow from the name and the row.
Source: docs/decisions/0010-a-history-enters-the-tables-in-columns.md.
Letters: n rows, e episodes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_HOUR, US_PER_S, hour_of
from policyloop.core.event import ENDED, FORM
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.model import IMPORTED
from policyloop.core.rng import keyed_uniform
from policyloop.lake import dirty
from policyloop.lake.episode_history import fields_of_history
from policyloop.lake.history_check import checked_history, follows, is_action
from policyloop.lake.json_text import contexts_as_json
from policyloop.lake.schema import DECISION_SCHEMA, DECISIONS, OUTCOME_SCHEMA, OUTCOMES
from policyloop.lake.tables import Lake
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress

Ints = NDArray[np.int64]

_ROWS_PER_COMMIT = 500_000  # bounds the memory that wide columns take; a history is always cut at the same rows
_ROWS_PER_HOUR = 500_000  # of a history without times; what is joined at once
_TICK_US = 1000  # between two rows without times


class BroughtHistory(msgspec.Struct, frozen=True):
    """What an import of a history did."""

    history: str  # its name: the digest of its content
    n_episodes: int
    n_decisions: int
    n_outcomes: int  # rows, ends among them
    is_new: bool  # False: it was in the tables already, and nothing was done


@dataclass(frozen=True, slots=True)
class _Import:
    """A history under way."""

    name: str
    started_at: int  # microseconds; kept before anything else, so that every attempt gives rows the same times

    @property
    def app(self) -> str:
        """Under which name its commits are recorded; new where the loop was forgotten in between."""
        return f"import:{self.name}:{self.started_at}"


def bring_history(
    lake: Lake, records: Records, spec: LoopSpec, history: pa.Table, *, policy: str, salt: bytes, salt_id: str, now_us: int
) -> BroughtHistory:
    """Bring a history of episodes into the tables `decisions` and `outcomes`; the next join makes transitions of it.

    Args:
        lake: the tables.
        records: marks of hours, and what was imported.
        spec: the loop's spec, with `episodes`.
        history: columns of `history_schema(spec)`, rows of an episode together and in order. Rows without an action are the
            contexts that episodes ended in.
        policy: what is called the policy that decided: `imported:POLICY`.
        salt: the deployment's key, by which episodes are split.
        salt_id: its public name.
        now_us: the time. Rows without times get times before it, so early that nothing has to be waited for.

    Raises:
        Invalid: some rows do not fit; nothing was written.
    """
    table = checked_history(history, spec, now_us=now_us)
    acts = is_action(table)
    name = fingerprint(table, loop=spec.loop)
    under_way, is_done = _begin(records, spec.loop, name, now_us)
    episodes = pc.count_distinct(table["episode_id"]).as_py()
    if is_done:
        return BroughtHistory(name, episodes, int(acts.sum()), 0, is_new=False)
    at = _times(table, acts, spec, under_way.started_at)
    hours, n_outcomes = set(), 0
    rows = np.flatnonzero(acts)
    splits = _splits(table["episode_id"], salt, spec.loop)
    for part, start in enumerate(range(0, len(rows), _ROWS_PER_COMMIT), start=1):
        some = rows[start : start + _ROWS_PER_COMMIT]
        taken = table.take(pa.array(some)) if len(rows) < table.num_rows else table.slice(start, len(some))
        decided_at = at[some]
        hour, different = _hours(decided_at)
        common = {"loop": pa.repeat(spec.loop, len(some)), "hour": hour, "writer": pa.repeat(name, len(some)), "seq": some}
        ids = pc.binary_join_element_wise(f"{name}-", pa.array(some).cast(pa.string()), "")
        stamp = (splits.take(pa.array(some)), salt_id, policy)
        decisions = _decisions(taken, spec, common | {"decision_id": ids, "decided_at": decided_at}, stamp)
        _commit_once(lake, DECISIONS, decisions, under_way, part)
        seen = _outcomes(table, some, spec, common | {"decision_id": ids, "received_at": decided_at}, name)
        _commit_once(lake, OUTCOMES, seen, under_way, part)
        hours |= different
        n_outcomes += seen.num_rows
    dirty.mark(records, ((spec.loop, hour) for hour in hours))
    _finish(records, spec.loop, under_way)
    return BroughtHistory(name, episodes, len(rows), n_outcomes, is_new=True)


def fingerprint(table: pa.Table, *, loop: str) -> str:
    """The name of a history: the same for the same values in the same rows, however they lie in memory."""
    hashed = hashlib.blake2b(f"{len(loop)}:{loop}".encode(), digest_size=12)
    for name in table.column_names:
        hashed.update(f"{len(name)}:{name}".encode())
        for piece in _pieces(table[name].combine_chunks()):
            hashed.update(piece)
    return hashed.hexdigest()


def _pieces(column: pa.Array) -> Sequence[bytes | memoryview]:
    """The bytes that tell a column from any other of its type: which values are there, how long, and what they are."""
    pieces: list[bytes | memoryview] = [np.packbits(pc.is_valid(column).to_numpy(zero_copy_only=False)).tobytes()]
    there = column.drop_null()
    if pa.types.is_struct(column.type):
        for place in range(column.type.num_fields):
            pieces += _pieces(pc.struct_field(there, place))
    elif pa.types.is_list(column.type):
        pieces.append(pc.list_value_length(there).to_numpy(zero_copy_only=False).tobytes())
        pieces += _pieces(pc.list_flatten(there))
    elif pa.types.is_string(column.type):
        encoded = there.dictionary_encode()
        pieces.append(encoded.indices.to_numpy(zero_copy_only=False).tobytes())
        pieces.append(msgspec.json.encode(encoded.dictionary.to_pylist()))
    else:
        pieces.append(np.ascontiguousarray(there.to_numpy(zero_copy_only=False)).tobytes())
    return pieces


def _begin(records: Records, loop: str, name: str, now_us: int) -> tuple[_Import, bool]:
    """Note that a history is coming, durably, and when that was first noted; and whether it is in the tables already."""
    with records.write() as connection:
        started = insert_into(connection, progress).values(name=_key(loop, name), value=now_us, text=None)
        connection.execute(started.on_conflict_do_nothing())
        row = connection.execute(sa.select(progress.c.value, progress.c.text).where(progress.c.name == _key(loop, name))).one()
    return _Import(name, row.value), row.text is not None


def _finish(records: Records, loop: str, under_way: _Import) -> None:
    with records.write() as connection:
        connection.execute(sa.update(progress).where(progress.c.name == _key(loop, under_way.name)).values(text="done"))


def _key(loop: str, name: str) -> str:
    return f"import:{loop}:{name}"


def _times(table: pa.Table, acts: NDArray[np.bool_], spec: LoopSpec, started_at: int) -> Ints:
    """(n,) decided_at: the history's own, or counted so that every window is over and whole episodes lie in few hours."""
    if table["decided_at"].null_count == 0:
        return np.asarray(table["decided_at"].to_numpy(), dtype=np.int64)
    episode = np.cumsum(~follows(table)) - 1
    before: Ints = np.cumsum(acts) - acts  # decisions before this row
    hour: Ints = before[np.flatnonzero(~follows(table))][episode] // _ROWS_PER_HOUR
    place = before - np.maximum.accumulate(np.where(np.diff(hour, prepend=-1) != 0, before, 0))
    tick = min(_TICK_US, (US_PER_HOUR - 1) // (int(place.max(initial=0)) + 1))
    last_hour = (started_at - round(spec.reward.window_s * US_PER_S)) // US_PER_HOUR - 1
    times: Ints = (last_hour - (int(hour.max(initial=0)) - hour)) * US_PER_HOUR + place * tick
    return times


def _splits(episode_ids: pa.ChunkedArray, salt: bytes, loop: str) -> pa.Array:
    """(n,) the split of each row's episode, as decide draws it."""
    encoded = episode_ids.combine_chunks().dictionary_encode()
    drawn = [keyed_uniform(salt, loop, episode, "split") for episode in encoded.dictionary.to_pylist()]
    return pa.array(drawn, pa.float64()).take(encoded.indices)


def _hours(decided_at: Ints) -> tuple[pa.Array, set[str]]:
    """(n,) the hour of each time, and the different ones."""
    different, which = np.unique(decided_at // US_PER_HOUR, return_inverse=True)
    texts = [hour_of(int(hour) * US_PER_HOUR) for hour in different]
    return pa.array(texts, pa.string()).take(pa.array(which)), set(texts)


def _decisions(table: pa.Table, spec: LoopSpec, known: Mapping[str, Any], stamp: tuple[pa.Array, str, str]) -> pa.Table:
    """Rows of the table `decisions`."""
    n = table.num_rows
    split, salt_id, policy = stamp
    kind = DECISION_SCHEMA.field("action").type
    columns = {
        **known,
        **{name: table[name] for name in ("episode_id", "step", "propensity", "density", "action_source", "pmf")},
        "spec": pa.repeat(spec.digest, n),
        "policy": pa.repeat(IMPORTED + policy, n),
        "context": contexts_as_json(_struct(table["context"]), _logged(spec)),
        "action": pc.fill_null(table["action"], pa.scalar([], table["action"].type)).cast(kind),
        "action_value": table["action_value"],
        "propensity_kind": pc.fill_null(table["propensity_kind"], "unknown"),
        "split": split,
        "salt_id": pa.repeat(salt_id, n),
        "form": pa.repeat(pa.scalar(FORM, pa.int32()), n),
        "draw_version": pa.repeat(pa.scalar(0, pa.int32()), n),  # not drawn by us
        **{name: pa.repeat(False, n) for name in ("is_clamped", "is_fallback", "is_deferred", "is_conflict")},
    }
    return _whole(columns, DECISION_SCHEMA, n)


def _outcomes(table: pa.Table, rows: Ints, spec: LoopSpec, known: Mapping[str, Any], name: str) -> pa.Table:
    """Rows of the table `outcomes` that some decisions have: one for each value that was seen, and one for each end."""
    common = pa.table({**known, "outcome_id": pa.repeat(name, len(rows))})
    parts = [_ends(table, rows, spec, common)]
    for outcome in spec.outcomes.values():
        values = pc.struct_field(table["outcomes"], outcome.name).take(pa.array(rows))
        is_there = pc.is_valid(values)
        own = common.filter(is_there)
        columns = {column: own[column] for column in own.column_names}
        columns |= {"name": pa.repeat(outcome.name, own.num_rows), "value": values.filter(is_there)}
        parts.append(_outcome_table(columns, own.num_rows, is_final=spec.reward.close == "final"))
    return pa.concat_tables(parts)


def _ends(table: pa.Table, rows: Ints, spec: LoopSpec, common: pa.Table) -> pa.Table:
    """The rows that say where episodes ended. One that only says what came last was truncated there: the record stops."""
    after = np.minimum(rows + 1, table.num_rows - 1)
    is_last_context = ~is_action(table)[after] & follows(table)[after]
    terminated, truncated = (table[name].to_numpy()[rows].astype(bool) for name in ("terminated", "truncated"))
    is_end = terminated | truncated | is_last_context
    own = common.filter(pa.array(is_end))
    last = np.where(is_last_context, after, -1)[is_end]
    told = pa.array(np.arange(int((last >= 0).sum())))
    contexts = contexts_as_json(_struct(table["context"].take(pa.array(last[last >= 0]))), _logged(spec))
    place = np.full(len(last), -1)
    place[last >= 0] = told.to_numpy()
    columns = {column: own[column] for column in own.column_names}
    columns |= {
        "name": pa.repeat(ENDED, own.num_rows),
        "terminated": terminated[is_end],
        "truncated": ~terminated[is_end],
        "next_context": contexts.take(pa.array(place, mask=place < 0)),
    }
    return _outcome_table(columns, own.num_rows, is_final=spec.reward.close == "final")


def _outcome_table(columns: dict[str, Any], n: int, *, is_final: bool) -> pa.Table:
    further = {
        "final": pa.repeat(is_final, n),
        "is_clamped": pa.repeat(False, n),
        "form": pa.repeat(pa.scalar(FORM, pa.int32()), n),
    }
    return _whole(columns | further, OUTCOME_SCHEMA, n)


def _logged(spec: LoopSpec) -> list[Field]:
    """The fields that the tables keep."""
    return [field for field in fields_of_history(spec) if field.store != "never"]


def _struct(column: pa.ChunkedArray) -> pa.StructArray:
    return column.combine_chunks()


def _whole(columns: Mapping[str, Any], schema: pa.Schema, n: int) -> pa.Table:
    """The columns in a table's schema; those that are not there are null."""
    return pa.table([_column(columns.get(field.name), field, n) for field in schema], schema=schema)


def _column(values: Any, field: pa.Field, n: int) -> pa.Array | pa.ChunkedArray:
    if values is None:
        return pa.nulls(n, field.type)
    column = pa.array(values) if isinstance(values, np.ndarray) else values
    return column if column.type == field.type else column.cast(field.type)


def _commit_once(lake: Lake, table: str, rows: pa.Table, under_way: _Import, part: int) -> None:
    """Commit a part of a history, unless the table has had it."""
    handle = lake.open(table)
    if rows.num_rows and (handle.transaction_version(under_way.app) or 0) < part:
        lake.commit(handle, rows, segments={under_way.app: part})
