"""A history as learners of episodes would take it: states, actions and rewards, before anything is imported.

Question answered: what would each step be worth, and is this enough to learn from? The reward of a row is of that row's own
action: the expression sees its context, its action, its outcomes, and the context that came after it. What is left out, and
what ends an episode then, are the rules of join/episode_steps.py.
Letters: n rows, m of them steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import ACTION, NEXT, needs_next
from policyloop.core.state import StateEncoder
from policyloop.interop.historian.file import one_array
from policyloop.lake.episode_history import fields_of_history

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


def to_transitions(history: pa.Table, spec: LoopSpec) -> Transitions:
    """The steps whose reward and next context are known.

    Args:
        history: in the shape of lake/episode_history.py.
        spec: of the loop, with `episodes`.
    """
    assert spec.episodes is not None, "a loop without episodes"
    encoder = StateEncoder.of(spec.context.values())
    contexts = _contexts(history, spec)
    is_step = np.asarray(pc.is_valid(history["action"]).to_numpy()).astype(bool)
    episode = _episodes(history["episode_id"])
    follows = np.append(np.diff(episode) == 0, False)
    terminated = _booleans(history["terminated"])
    lost = ends_without_reward(history, spec)
    keep = is_step & (follows | terminated) & ~lost
    terminated |= np.append(lost[1:], False) & follows
    rows = np.flatnonzero(keep)
    after = np.where(follows[rows], rows + 1, rows)
    action, values = _actions(history, spec)
    state = encoder.encode_columns(contexts)
    next_state = state[after]
    next_state[~follows[rows]] = 0
    kind = pc.fill_null(history["propensity_kind"], "unknown").to_numpy()[rows]
    return Transitions(
        state=state[rows],
        action=action[rows],
        action_value=values[rows].astype(np.float32),
        reward=_rewards(history, spec, contexts, rows, after, (action, values)).astype(np.float32),
        next_state=next_state,
        terminated=terminated[rows],
        truncated=_booleans(history["truncated"])[rows],
        episode=_counted_on(episode[rows]),
        step=history["step"].to_numpy()[rows],
        propensity=np.asarray(history["propensity"].to_numpy(), dtype=np.float64)[rows],
        propensity_kind=np.asarray(kind, dtype=np.object_),
        action_source=pc.fill_null(history["action_source"], "").to_numpy()[rows],
        split=np.zeros(len(rows)),
        discount=spec.episodes.discount,
    )


def ends_without_reward(history: pa.Table, spec: LoopSpec) -> Bools:
    """(n,) last actions that terminated, and whose reward needs the context after them, which nobody recorded.

    Args:
        history: in the shape of lake/episode_history.py.
        spec: of the loop.
    """
    follows = np.append(np.diff(_episodes(history["episode_id"])) == 0, False)
    lost: Bools = _booleans(history["terminated"]) & ~follows & needs_next(spec.reward.expression)
    return lost


def field_column(history: pa.Table, name: str) -> pa.ChunkedArray:
    """(n,) one field of the context."""
    return pc.struct_field(history["context"], name)


def _contexts(history: pa.Table, spec: LoopSpec) -> dict[str, NDArray[Any]]:
    """Name -> (n, ...) as a state encoder takes them."""
    found: dict[str, NDArray[Any]] = {}
    for field in fields_of_history(spec):
        column = field_column(history, field.name)
        if field.type == "tensor":
            flat = column
            while pa.types.is_list(flat.type):
                flat = pc.list_flatten(flat)
            found[field.name] = flat.to_numpy().reshape(history.num_rows, *(field.shape or ()))
        elif field.type in ("category", "text"):
            found[field.name] = np.asarray(column.to_numpy(), dtype=object)
        else:
            found[field.name] = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    return found


def _rewards(
    history: pa.Table, spec: LoopSpec, contexts: dict[str, NDArray[Any]], rows: Ints, after: Ints, done: tuple[Any, Any]
) -> NDArray[np.float64]:
    """(m,) in the loop's range."""
    columns: dict[str, NDArray[np.float64]] = {}
    action, values = done
    numbers = [part.name for part in spec.actions.box]
    choices = [choice.name for choice in spec.actions.choices] or [ACTION]
    for name in spec.reward.expression.names:
        if name in spec.outcomes:
            told = np.asarray(pc.struct_field(history["outcomes"], name).to_numpy(), dtype=np.float64)[rows]
            columns[name] = np.where(np.isnan(told), spec.outcomes[name].missing, told)
        elif name.startswith(NEXT):
            columns[name] = np.nan_to_num(contexts[name.removeprefix(NEXT)][after])
        elif name in contexts:
            columns[name] = np.nan_to_num(contexts[name][rows])
        elif name in numbers:
            columns[name] = values[rows, numbers.index(name)]
        else:
            columns[name] = action[rows, choices.index(name)].astype(np.float64)
    computed = np.broadcast_to(spec.reward.expression.evaluate(columns), (len(rows),))
    return np.clip(computed, spec.reward.low, spec.reward.high)


def _actions(history: pa.Table, spec: LoopSpec) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """(n, p) places and (n, a) numbers; 0 where nothing was done."""
    n = history.num_rows
    n_places = len(spec.actions.choices) or (1 if spec.actions.labels else 0)
    return (
        _wide(history["action"], n, n_places).astype(np.int32),
        _wide(history["action_value"], n, len(spec.actions.box)).astype(np.float64),
    )


def _wide(lists: pa.ChunkedArray, n: int, width: int) -> NDArray[Any]:
    """(n, width) of lists that are all as long, or null."""
    wide = np.zeros((n, width))
    if width:
        there = np.asarray(pc.is_valid(lists).to_numpy()).astype(bool)
        wide[there] = pc.list_flatten(lists).to_numpy().reshape(-1, width)
    return wide


def _episodes(ids: pa.ChunkedArray) -> Ints:
    """(n,) a number for each id."""
    return np.asarray(one_array(ids).dictionary_encode().indices.to_numpy(), dtype=np.int64)


def _counted_on(episode: Ints) -> Ints:
    """The same episodes, numbered from 0 without holes."""
    return np.cumsum(np.diff(episode, prepend=-1) != 0) - 1


def _booleans(column: pa.ChunkedArray) -> Bools:
    return np.asarray(column.to_numpy()).astype(bool)
