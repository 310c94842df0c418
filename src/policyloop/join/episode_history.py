"""A loop's episodes as arrays, the way learners of episodes take them: columns straight from the table, no loop over rows.

Question answered: what has this loop's history of episodes been, told in today's actions?
An episode that a gap cut in runs is several here, each whole in itself: a run that does not terminate is truncated. Labels are
named by their place among today's; a step whose label is gone is left out, which cuts its episode, too.
Letters: n transitions, d numbers of a state, k labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import hour_of
from policyloop.core.episode import Transitions
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.join.contexts import context_columns
from policyloop.join.history import Specs, wide
from policyloop.lake.schema import TRANSITIONS
from policyloop.lake.tables import Lake, Snapshot, in_hours

_COLUMNS = ("hour", "episode_id", "step", "action", "action_value", "propensity", "propensity_kind", "action_source")
_MORE = ("reward", "terminated", "truncated", "split", "policy", "spec")

Ints = NDArray[np.int64]


def episodes_of(
    lake: Lake,
    specs: Specs,
    spec: LoopSpec,
    *,
    snapshot: Snapshot | None = None,
    since: int | None = None,
    is_with_ids: bool = False,
) -> tuple[Transitions, Snapshot]:
    """The transitions of a loop, in the order (hour, episode id, step), and the tables' versions.

    Args:
        lake: the tables.
        specs: the specs of earlier decisions; one that is not known is taken to have had today's labels.
        spec: the loop's spec of today, with `episodes`.
        snapshot: versions to read, as an earlier call gave them; None for the newest.
        since: microseconds; episodes that began in an earlier hour are left out.
        is_with_ids: whether to read the ids of decisions, too, which few need.

    Raises:
        Invalid: the context cannot be told in numbers.
    """
    assert spec.episodes is not None, "a loop without episodes"
    at = snapshot if snapshot is not None else lake.snapshot()
    encoder = StateEncoder.of(spec.context.values())
    where = in_hours(spec.loop) + ("" if since is None else f" AND hour >= '{hour_of(since)}'")
    of_state = ("context", "next_context") if encoder.is_tensor else ("state", "next_state")
    further = ("pmf",) * (spec.actions.kind == "discrete") + ("decision_id",) * is_with_ids
    columns = (*_COLUMNS, *_MORE, *of_state, *further)
    rows = _in_order(lake.rows(TRANSITIONS, where=where, columns=columns, version=at.get(TRANSITIONS)))
    if not encoder.is_tensor:
        rows = rows.filter(pc.fill_null(pc.equal(pc.list_value_length(rows["state"]), encoder.shape[0]), False))
    action, pmf, fits = _actions(rows, spec, specs)
    if not fits.all():
        rows, action, pmf = rows.filter(pa.array(fits)), action[fits], None if pmf is None else pmf[fits]
    episode = _runs(rows)
    terminated = rows["terminated"].to_numpy().astype(bool)
    is_last = np.diff(episode, append=-1) != 0
    state, next_state = _tensors(rows, encoder, is_last) if encoder.is_tensor else _flat(rows, encoder)
    afterwards = pc.is_valid(rows[of_state[1]]).to_numpy().astype(bool)
    return Transitions(
        state=state,
        action=action,
        action_value=_numbers(rows["action_value"], len(spec.actions.box)),
        reward=rows["reward"].to_numpy().astype(np.float32),
        next_state=next_state,
        terminated=terminated,
        truncated=rows["truncated"].to_numpy().astype(bool) | (is_last & ~terminated),
        episode=episode,
        step=rows["step"].to_numpy().astype(np.int64),
        propensity=rows["propensity"].to_numpy().astype(np.float64),
        propensity_kind=_texts(rows["propensity_kind"]),
        action_source=_texts(rows["action_source"]),
        split=rows["split"].to_numpy().astype(np.float64),
        discount=spec.episodes.discount,
        pmf=pmf,
        policy=_texts(rows["policy"]),
        decision_id=rows["decision_id"].to_numpy().astype(object) if is_with_ids else None,
        is_next_known=afterwards | ~is_last,
    ), at


def _in_order(rows: pa.Table) -> pa.Table:
    """The rows in the order (hour, episode id, step); mostly they are, but for their hours."""
    hour, episode = _ranks(rows["hour"]), _ranks(rows["episode_id"])
    step = rows["step"].to_numpy().astype(np.int64)
    up = [np.diff(hour), np.diff(episode), np.diff(step)]
    is_sorted = (up[0] > 0) | ((up[0] == 0) & ((up[1] > 0) | ((up[1] == 0) & (up[2] > 0))))
    return rows if is_sorted.all() else rows.take(pa.array(np.lexsort((step, episode, hour))))


def _ranks(texts: pa.ChunkedArray) -> Ints:
    """(n,) the place of each text among the different ones, in alphabetical order."""
    encoded = texts.combine_chunks().dictionary_encode()
    place = np.empty(len(encoded.dictionary), dtype=np.int64)
    place[pc.sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(place))
    ranks: Ints = place[encoded.indices.to_numpy()]
    return ranks


def _runs(rows: pa.Table) -> Ints:
    """(n,) number of the run that each row belongs to, from 0."""
    episode = _ranks(rows["episode_id"])
    step = rows["step"].to_numpy().astype(np.int64)
    begins = (np.diff(episode, prepend=-1) != 0) | (np.diff(step, prepend=-2) != 1)
    return np.cumsum(begins) - 1


def _actions(
    rows: pa.Table, spec: LoopSpec, specs: Specs
) -> tuple[NDArray[np.int32], NDArray[np.float64] | None, NDArray[np.bool_]]:
    """(n, p) places among today's labels, (n, k) probabilities of loops with labels alone, and which rows have such places."""
    n = rows.num_rows
    parts = _labels(spec)
    action = _places(rows["action"], len(parts))
    fits: NDArray[np.bool_] = np.greater_equal(action.min(axis=1, initial=0), 0)
    pmf = np.full((n, len(spec.labels)), np.nan) if spec.actions.kind == "discrete" else None
    of_row = rows["spec"].combine_chunks().dictionary_encode()
    for number, digest in enumerate(of_row.dictionary.to_pylist()):
        index = np.flatnonzero(of_row.indices.to_numpy() == number)
        its_parts = _labels(specs.spec_named(spec.loop, digest) or spec)
        if pmf is not None:
            pmf[index] = _pmf(rows["pmf"].take(pa.array(index)), its_parts[0], parts[0])
        if its_parts != parts:
            for part, (old, new) in enumerate(zip(its_parts, parts, strict=True)):
                today = np.array([new.index(label) if label in new else -1 for label in old] + [-1])
                action[index, part] = today[np.clip(action[index, part], -1, len(old))]
            fits[index] = action[index].min(axis=1, initial=0) >= 0
    return action.astype(np.int32), pmf, fits


def _labels(spec: LoopSpec) -> list[tuple[str, ...]]:
    """The labels of each labelled part of an action."""
    return [spec.labels] if spec.actions.kind == "discrete" else [choice.labels for choice in spec.actions.choices]


def _pmf(lists: pa.ChunkedArray, old: Sequence[str], new: Sequence[str]) -> NDArray[np.float64]:
    """(m, k) probabilities of today's labels; NaN where they were not logged, or where one that is gone had some."""
    its = wide(pc.list_element(lists, 0), len(old), missing=np.nan)
    if tuple(old) == tuple(new):
        return its
    today = np.stack([its[:, old.index(label)] if label in old else np.zeros(len(its)) for label in new], axis=1)
    has_all = np.isclose(np.nansum(today, axis=1), 1.0) & np.isfinite(its).all(axis=1)
    today[~has_all] = np.nan
    return today


def _places(lists: pa.ChunkedArray, width: int) -> NDArray[np.int64]:
    """(n, width) the first entries of n lists; -1 where one is shorter."""
    if width == 0:
        return np.zeros((len(lists), 0), dtype=np.int64)
    if width == 1:
        lists = pc.list_slice(lists, 0, 1)
    return wide(lists, width, missing=-1).astype(np.int64)


def _numbers(lists: pa.ChunkedArray, width: int) -> NDArray[np.float32]:
    """(n, width) of n lists; NaN where there is none."""
    if width == 0:
        return np.zeros((len(lists), 0), dtype=np.float32)
    return wide(lists, width, missing=np.nan).astype(np.float32)


def _texts(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """(n,) texts, of which few are different; '' for null."""
    encoded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    texts: NDArray[np.object_] = encoded.dictionary.to_numpy(zero_copy_only=False).astype(object)
    of_row: NDArray[np.object_] = texts[encoded.indices.to_numpy()]
    return of_row


def _flat(rows: pa.Table, encoder: StateEncoder) -> tuple[NDArray[Any], NDArray[Any]]:
    """(n, d) states and what came after them; zeros where nothing is known of it."""
    width = encoder.shape[0]
    state, next_state = (wide(rows[name], width, missing=np.float32(0)) for name in ("state", "next_state"))
    return state, next_state


def _tensors(rows: pa.Table, encoder: StateEncoder, is_last: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The same of contexts that are one tensor, read from their texts; what came after a step is the next row's, mostly."""
    state = encoder.encode_columns(context_columns(rows["context"], encoder.fields))
    next_state = np.zeros_like(state)
    next_state[:-1] = state[1:]
    next_state[is_last] = 0
    texts = rows["next_context"].filter(pa.array(is_last))
    is_there = pc.is_valid(texts).to_numpy().astype(bool)
    last: Mapping[str, NDArray[Any]] = context_columns(texts.filter(pa.array(is_there)), encoder.fields)
    next_state[np.flatnonzero(is_last)[is_there]] = encoder.encode_columns(last)
    return state, next_state
