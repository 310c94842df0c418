"""A whole episode as other systems keep it: states, actions and rewards as arrays; and its way into and out of our tables.

Question answered: which reward belongs to which action, where does the episode end, and how? Reward t is what action t
brought, in state t; state t + 1 is what came of it. So there is one state more than actions, where the last was recorded.
Numbers of a state are in the order of `StateEncoder`; what is wrong is told by episode and step.
Letters: t steps of an episode, d numbers of a state, a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.lake.episode_history import fields_of_history, history_schema

REWARD = "reward"  # the outcome that a logged reward becomes, where the loop has one of that name
_MAX_FAULTS = 20
_NEAR = 1e-6  # of the box's width: what float32 may have moved an action beyond its bound


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WholeEpisode:
    """What another system knows of an episode."""

    id: str
    state: NDArray[Any]  # (t + 1, d) or (t + 1, *shape); (t, ...) where the last state was not recorded
    action: NDArray[Any]  # (t, a) numbers, or (t,) places of labels
    reward: NDArray[np.float64]  # (t,)
    terminated: bool  # nothing came after
    truncated: bool  # something would have come, and the record stops
    propensity: NDArray[np.float64] | None = None  # (t,) probability or density; None: unknown

    @property
    def n_steps(self) -> int:
        """How many actions there are, t."""
        return len(self.action)

    @property
    def has_last_state(self) -> bool:
        """Whether what came of the last action was recorded."""
        return len(self.state) == self.n_steps + 1


def history_of(episodes: Iterable[WholeEpisode], spec: LoopSpec) -> pa.Table:
    """The episodes in the one shape that goes into the lake (lake/episode_history.py).

    Raises:
        Invalid: states or actions do not fit the loop, or are no numbers; every one is named by episode and step.
    """
    encoder, known = StateEncoder.of(spec.context.values()), list(episodes)
    faults = [fault for episode in known for fault in _faults_in(episode, spec, encoder)]
    if faults or not known:
        found = faults[:_MAX_FAULTS] or [Fault("the file", "holds no episode; expected at least one.")]
        raise Invalid(found, subject="the history")
    states = np.concatenate([one.state for one in known])
    is_bare = np.concatenate([np.arange(len(one.state)) == one.n_steps for one in known])
    columns: dict[str, Any] = {
        "episode_id": pa.array(np.repeat([one.id for one in known], [len(one.state) for one in known]).tolist(), pa.string()),
        "step": np.concatenate([np.arange(len(one.state)) for one in known]),
        "context": _context(states, encoder, spec),
        **_actions(known, is_bare, spec),
        **_propensities(known, is_bare, spec),
        "terminated": np.concatenate([_at_end(one, is_it=one.terminated) for one in known]),
        "truncated": np.concatenate([_at_end(one, is_it=one.truncated and not one.terminated) for one in known]),
    }
    if spec.outcomes:
        columns["outcomes"] = _outcomes(known, is_bare, spec)
    schema = history_schema(spec)
    given = {name: columns.get(name, pa.nulls(len(states), schema.field(name).type)) for name in schema.names}
    return pa.table(given, schema=schema)


def episodes_in(rows: Transitions) -> Iterator[WholeEpisode]:
    """The episodes of our own tables, in order; an action's labels and numbers are never both there."""
    starts = np.flatnonzero(rows.is_first)
    has_numbers = rows.action_value.shape[1] > 0
    for start, n in zip(starts.tolist(), rows.lengths.tolist(), strict=True):
        here, last = slice(start, start + n), start + n - 1
        is_known = rows.is_next_known is None or bool(rows.is_next_known[last])
        states = [rows.state[here], *([rows.next_state[last : last + 1]] if is_known else [])]
        yield WholeEpisode(
            id=str(int(rows.episode[start])),
            state=np.concatenate(states),
            action=rows.action_value[here] if has_numbers else rows.action[here, 0],
            reward=rows.reward[here].astype(np.float64),
            terminated=bool(rows.terminated[last]),
            truncated=bool(rows.truncated[last]),
            propensity=None if np.isnan(rows.propensity[here]).any() else rows.propensity[here],
        )


def rewarded(spec: LoopSpec) -> str | None:
    """The outcome that a logged reward is kept as: `reward`, or the only number; None where it is made of other things."""
    if REWARD in spec.outcomes:
        return REWARD
    numbers = [outcome.name for outcome in spec.outcomes.values() if outcome.type == "number"]
    return numbers[0] if len(numbers) == len(spec.outcomes) == 1 else None


def _faults_in(episode: WholeEpisode, spec: LoopSpec, encoder: StateEncoder) -> Iterator[Fault]:
    """What is wrong with one; the first step of each kind."""
    where = f"episode {episode.id}"
    if not episode.n_steps:
        yield Fault(where, "has no step; expected at least one. Leave it out.")
        return
    if episode.state.shape[1:] != encoder.shape:
        found = " x ".join(map(str, episode.state.shape[1:])) or "no"
        needed = " x ".join(map(str, encoder.shape))
        yield Fault(where, f"has states of {found} number{'s' * (found != '1')}; the loop's context makes {needed}.")
        return
    if len(episode.state) not in (episode.n_steps, episode.n_steps + 1) or len(episode.reward) != episode.n_steps:
        told = f"has {len(episode.state):,} states, {episode.n_steps:,} actions and {len(episode.reward):,} rewards"
        yield Fault(where, f"{told}; expected a reward for each action, and at most one state more.")
        return
    flat = episode.state.reshape(len(episode.state), -1)
    checks = [("a state", flat), ("a reward", episode.reward.reshape(-1, 1))]
    checks += [("an action", episode.action)] if spec.has_box and episode.action.ndim == 2 else []
    for what, numbers in checks:
        bad = np.flatnonzero(np.logical_not(np.isfinite(numbers).all(axis=1)))
        if len(bad):
            yield Fault(f"{where}, step {bad[0]}", f"{what} is no number; leave the episode out, or mend it.")
            return
    yield from _faults_of_actions(episode, spec, where)


def _faults_of_actions(episode: WholeEpisode, spec: LoopSpec, where: str) -> Iterator[Fault]:
    box, k = spec.actions.box, len(spec.labels)
    if not box:
        is_place = episode.action.ndim == 1 and episode.action.dtype.kind in "iu"
        bad = np.flatnonzero((episode.action < 0) | (episode.action >= k)) if is_place else np.zeros(1, dtype=np.intp)
        if len(bad):
            shown = np.ravel(episode.action[bad[0]]).tolist()
            told = f"the action is {shown if len(shown) > 1 else shown[0]}"
            yield Fault(f"{where}, step {bad[0]}", f"{told}; expected the place of one of {k} labels, from 0 to {k - 1}.")
        return
    if episode.action.ndim != 2 or episode.action.shape[1] != len(box):
        yield Fault(
            where, f"has actions of shape {episode.action.shape[1:]}; expected {len(box)} number{'s' * (len(box) != 1)} each."
        )
        return
    for i, part in enumerate(box):
        room = _NEAR * (part.high - part.low)
        bad = np.flatnonzero((episode.action[:, i] < part.low - room) | (episode.action[:, i] > part.high + room))
        if len(bad):
            told = f"{part.name} is {float(episode.action[bad[0], i])}; expected {part.low} to {part.high}, the loop's box."
            yield Fault(f"{where}, step {bad[0]}", told)


def _at_end(episode: WholeEpisode, *, is_it: bool) -> NDArray[np.bool_]:
    """True in the row of the last action, if it is."""
    rows: NDArray[np.bool_] = np.arange(len(episode.state)) == episode.n_steps - 1
    return rows & np.bool_(is_it)


def _context(states: NDArray[Any], encoder: StateEncoder, spec: LoopSpec) -> pa.Array:
    """Contexts again of states; what no model learns from is null."""
    told = columns_of(states, encoder)
    kind = history_schema(spec).field("context").type
    arrays = [
        told[field.name].cast(kind.field(field.name).type)
        if field.name in told
        else pa.nulls(len(states), kind.field(field.name).type)
        for field in fields_of_history(spec)
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))


def columns_of(states: NDArray[Any], encoder: StateEncoder) -> Mapping[str, pa.Array]:
    """The inverse of `StateEncoder.encode_columns`: a column for every field."""
    if encoder.is_tensor:
        return {encoder.fields[0].name: _nested(states, encoder.fields[0])}
    columns, place = {}, 0
    for field in encoder.fields:
        width = (
            StateEncoder((field,)).shape[0] if field.type != "tensor" else int(np.prod(field.shape or (1,))) + field.optional
        )
        columns[field.name] = _column(states[:, place : place + width], field)
        place += width
    return columns


def _column(numbers: NDArray[Any], field: Field) -> pa.Array:
    """(n,) values of the numbers of one field."""
    is_missing = numbers[:, -1] == 0 if field.optional else np.zeros(len(numbers), dtype=bool)
    inner = numbers[:, :-1] if field.optional else numbers
    if field.type == "category":
        values = np.array([*(field.values or ()), None], dtype=object)
        is_known = inner.any(axis=1) & np.logical_not(is_missing)
        return pa.array(values[np.where(is_known, inner.argmax(axis=1), len(values) - 1)].tolist(), pa.string())
    if field.type == "tensor":
        return _nested(inner.reshape(len(inner), *(field.shape or ())), field)
    if field.type == "boolean":
        return pa.array(inner[:, 0] > 0.5, mask=is_missing)
    plain = inner[:, 0].astype(np.float64)
    return pa.array(np.rint(plain).astype(np.int64) if field.type == "integer" else plain, mask=is_missing)


def _nested(tensors: NDArray[Any], field: Field) -> pa.Array:
    """Tensors as lists of lists."""
    made = pa.array(np.ascontiguousarray(tensors, dtype=field.dtype).reshape(-1))
    for size in reversed(field.shape or ()):
        made = pa.ListArray.from_arrays(pa.array(np.arange(0, len(made) + 1, size, dtype=np.int32)), made)
    return made


def _actions(episodes: list[WholeEpisode], is_bare: NDArray[np.bool_], spec: LoopSpec) -> dict[str, pa.Array]:
    """Labels' places and numbers, null where nothing was done."""
    taken = np.concatenate([one.action for one in episodes])
    if spec.has_box:
        low = np.array([part.low for part in spec.actions.box])
        high = np.array([part.high for part in spec.actions.box])
        inside = np.clip(taken.astype(np.float64), low, high)  # they are in the box but for rounding
        return {"action": _lists(np.empty((len(taken), 0), np.int32), is_bare), "action_value": _lists(inside, is_bare)}
    return {"action": _lists(taken.reshape(-1, 1).astype(np.int32), is_bare)}


def _lists(taken: NDArray[Any], is_bare: NDArray[np.bool_]) -> pa.Array:
    """(n,) lists of the rows of `taken`, in the rows that are not bare; null in the others."""
    width = taken.shape[1]
    ends = np.cumsum(np.where(is_bare, 0, width)).astype(np.int32)
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, pa.array(taken.reshape(-1)), mask=pa.array(is_bare))


def _propensities(episodes: list[WholeEpisode], is_bare: NDArray[np.bool_], spec: LoopSpec) -> dict[str, pa.Array]:
    kind = "density" if spec.has_box else "probability"
    values, kinds = [], []
    for one in episodes:
        n_more = len(one.state) - one.n_steps
        told = np.full(one.n_steps, np.nan) if one.propensity is None else one.propensity
        values.append(np.concatenate([told, np.full(n_more, np.nan)]))
        kinds += [None if one.propensity is None else kind] * one.n_steps + [None] * n_more
    every = np.concatenate(values)
    return {"propensity": pa.array(every, mask=np.isnan(every)), "propensity_kind": pa.array(kinds, pa.string())}


def _outcomes(episodes: list[WholeEpisode], is_bare: NDArray[np.bool_], spec: LoopSpec) -> pa.Array:
    """The logged reward as the outcome that it is, in the row of its action; all others were not reported."""
    kind, name = history_schema(spec).field("outcomes").type, rewarded(spec)
    reward = np.zeros(len(is_bare))
    reward[np.logical_not(is_bare)] = np.concatenate([one.reward for one in episodes])
    arrays = [pa.array(reward, mask=is_bare) if field.name == name else pa.nulls(len(is_bare), pa.float64()) for field in kind]
    return pa.StructArray.from_arrays(arrays, fields=list(kind))
