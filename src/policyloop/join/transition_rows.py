"""Rows of the table `transitions`: steps that are in order, with states, rewards and what was really carried out.

Question answered: what does each step look like to a learner? The reward of a row is of that row's own action: the
expression sees its context, its action, its outcomes and the context that came after it.
Letters: n decisions, m transitions, d numbers of a state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.errors import Invalid
from policyloop.core.loop import Field, LoopSpec
from policyloop.core.spec_episodes import ACTION, NEXT
from policyloop.core.state import StateEncoder
from policyloop.join.contexts import context_columns
from policyloop.join.episode_steps import NOWHERE
from policyloop.lake.schema import TRANSITION_SCHEMA

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NUMBERS = ("number", "integer", "boolean")
_AS_THEY_ARE = ("episode_id", "decision_id", "context", "action_source", "policy", "spec")


@dataclass(frozen=True, slots=True)
class Done:
    """What was carried out instead of what was chosen."""

    action: pa.Array  # (n,) lists of places; null: what was chosen
    values: pa.Array  # (n,) lists of numbers; null: what was chosen
    is_usable: Bools  # (n,) whether what was reported can be read


@dataclass(frozen=True, slots=True)
class Told:
    """What n contexts, and the last contexts of episodes, say in numbers."""

    columns: Mapping[str, NDArray[Any]]  # name -> (n, ...)
    last: Mapping[str, NDArray[Any]]  # the same of the last contexts, one for each decision that has one
    place: Ints  # (n,) where a decision's own last context is in `last`; -1: it has none
    texts: pa.Array  # (n,) the last contexts as JSON, or null
    is_readable: Bools  # (n,)
    has_last: Bools  # (n,) it has a last context that can be read

    @classmethod
    def of(cls, contexts: pa.ChunkedArray, last: pa.Array, spec: LoopSpec) -> Told:
        """Read contexts.

        Args:
            contexts: (n,) JSON.
            last: (n,) JSON or null: what came after, where somebody said that the episode ended.
            spec: names the fields.
        """
        fields = _fields(spec)
        columns = context_columns(contexts, fields)
        is_there = pc.is_valid(last).to_numpy(zero_copy_only=False).astype(bool)
        of_last = context_columns(last.filter(pa.array(is_there)), fields)
        place = np.full(len(last), -1)
        place[is_there] = np.arange(int(is_there.sum()))
        has_last = is_there.copy()
        has_last[is_there] = _is_whole(of_last, fields, int(is_there.sum()))
        return cls(columns, of_last, place, last, _is_whole(columns, fields, len(contexts)), has_last)

    def next_columns(self, rows: Ints, next_rows: Ints) -> dict[str, NDArray[Any]]:
        """Name -> (m, ...) what came after some decisions; where nothing is known, it is something else.

        Args:
            rows: (m,) the decisions.
            next_rows: (m,) the decisions after them; NOWHERE: the last context of their own.
        """
        is_last = next_rows == NOWHERE
        from_last = self.place[rows[is_last]]
        found = {}
        for name, column in self.columns.items():
            values = column[np.maximum(next_rows, 0)]
            if len(self.last[name]):
                values[is_last] = self.last[name][np.maximum(from_last, 0)]
            found[name] = values
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """m decisions that become transitions, in the order (episode, step)."""

    rows: Ints  # (m,) their places among the decisions
    next_rows: Ints  # (m,) of the decisions after them; NOWHERE: what a word about the end said, or nothing
    has_next: Bools  # (m,)
    terminated: Bools  # (m,)
    truncated: Bools  # (m,)
    episode: Ints  # (m,)
    step: Ints  # (m,)


@dataclass(frozen=True, slots=True)
class Made:
    """Rows of the table, and what is to be counted."""

    rows: pa.Table
    n_executed: int
    n_clipped: int


def uses_outcomes(spec: LoopSpec) -> bool:
    """Whether the reward, or a guard of the gate, depends on outcomes, which may still come."""
    asked_for = {*spec.reward.expression.names, *(guard.name for guard in spec.gate.guards)}
    return not asked_for.isdisjoint(spec.outcomes)


def transition_rows(
    decisions: pa.Table,
    placed: Placed,
    *,
    told: Told,
    done: Done,
    outcomes: tuple[Mapping[str, Floats], Mapping[str, Bools]],
    spec: LoopSpec,
) -> Made:
    """The transitions of some decisions, in their order.

    Args:
        decisions: n rows.
        placed: which of them, and what comes next.
        told: the contexts.
        done: what was carried out.
        outcomes: name -> (n,) aggregated value, and whether any counted.
        spec: reward, fields and discount.
    """
    assert spec.episodes is not None, "a loop without episodes"
    own, m = placed.rows, len(placed.rows)
    is_everything = m == decisions.num_rows and bool((own == np.arange(m)).all())
    taken = decisions if is_everything else decisions.take(pa.array(own))
    action, values, is_instead = _carried_out(taken, done, own)
    contexts = {name: column[own] for name, column in told.columns.items()}
    afterwards = told.next_columns(own, placed.next_rows)
    of_outcomes = (
        {name: column[own] for name, column in outcomes[0].items()},
        {name: column[own] for name, column in outcomes[1].items()},
    )
    reward, is_clipped = _rewards(spec, contexts, afterwards, (action, values), of_outcomes)
    columns = {
        **{name: taken[name] for name in _AS_THEY_ARE},
        **_states(spec, contexts, afterwards, placed.has_next),
        "loop": pa.repeat(spec.loop, m),
        "hour": pa.repeat("", m),
        "step": placed.step,
        "next_context": _next_contexts(decisions["context"], told, placed),
        "action": action,
        "action_value": values,
        "pmf": _unless(is_instead, taken["pmf"]),
        "propensity": _unless(is_instead, taken["propensity"]),
        "propensity_kind": pc.if_else(is_instead, "unknown", taken["propensity_kind"]),
        "reward": reward,
        "terminated": placed.terminated,
        "truncated": placed.truncated,
        "discount": np.full(m, spec.episodes.discount),
        "split": _one_split(taken["split"].to_numpy(), placed.episode),
    }
    table = pa.table({name: columns[name] for name in TRANSITION_SCHEMA.names}).cast(TRANSITION_SCHEMA)
    return Made(table, int(pc.sum(is_instead).as_py() or 0), int(is_clipped.sum()))


def _fields(spec: LoopSpec) -> list[Field]:
    """The fields that states and rewards are made of. A lone tensor is read where it is learned from, and not kept twice."""
    encoder = _encoder(spec)
    of_state = () if encoder is None else encoder.fields
    named = {name.removeprefix(NEXT) for name in spec.reward.expression.names}
    of_reward = [field for field in spec.context.values() if field.name in named and field.type in _NUMBERS]
    return list({field.name: field for field in (*of_state, *of_reward)}.values())


def _encoder(spec: LoopSpec) -> StateEncoder | None:
    """None where the table has no states."""
    try:
        encoder = StateEncoder.of(spec.context.values())
    except Invalid:
        return None
    return None if encoder.is_tensor else encoder


def _is_whole(columns: Mapping[str, NDArray[Any]], fields: Iterable[Field], n: int) -> Bools:
    """(n,) whether every field is there that must be."""
    is_whole = np.ones(n, dtype=bool)
    for field in fields:
        if not field.optional:
            column = columns[field.name]
            is_missing = (
                pc.is_null(pa.array(column)).to_numpy(zero_copy_only=False) if column.dtype == object else np.isnan(column)
            )
            is_whole &= ~is_missing.reshape(n, -1).any(axis=1) if n else is_whole
    return is_whole


def _carried_out(taken: pa.Table, done: Done, own: Ints) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Places, numbers, and whether they are others than the chosen."""
    if done.action.null_count == len(done.action):
        return taken["action"], taken["action_value"], pa.chunked_array([pa.repeat(False, len(own))])
    action, values = done.action.take(pa.array(own)), done.values.take(pa.array(own))
    is_instead = pa.chunked_array([pc.is_valid(action)])
    return (
        pc.if_else(is_instead, action, taken["action"]),
        pc.if_else(is_instead, values.cast(taken["action_value"].type), taken["action_value"]),
        is_instead,
    )


def _unless(is_instead: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Null where something else was done: it was drawn from nothing that is known."""
    return pc.if_else(is_instead, pa.scalar(None, column.type), column) if pc.any(is_instead).as_py() else column


def _rewards(
    spec: LoopSpec,
    contexts: Mapping[str, NDArray[Any]],
    afterwards: Mapping[str, NDArray[Any]],
    done: tuple[pa.ChunkedArray, pa.ChunkedArray],
    outcomes: tuple[Mapping[str, Floats], Mapping[str, Bools]],
) -> tuple[Floats, Bools]:
    """(m,) rewards, and whether they were brought back into the range."""
    names = spec.reward.expression.names
    m = len(done[0])
    values, is_there = outcomes
    columns: dict[str, Floats] = {}
    for name in names:
        if name in values:
            columns[name] = values[name]
        elif name.startswith(NEXT):
            columns[name] = np.nan_to_num(afterwards[name.removeprefix(NEXT)])  # a missing optional number is 0
        elif name in contexts:
            columns[name] = np.nan_to_num(contexts[name])
        else:
            columns[name] = _part(name, spec, *done)
    computed = np.broadcast_to(spec.reward.expression.evaluate(columns), (m,))
    if names and all(name in values for name in names):  # of outcomes alone: none of them is the default, as in other loops
        is_rewarded = np.any([is_there[name] for name in spec.outcomes], axis=0)
        computed = np.where(is_rewarded, computed, spec.reward.default)
    clipped = np.clip(computed, spec.reward.low, spec.reward.high)
    return clipped, clipped != computed


def _part(name: str, spec: LoopSpec, action: pa.ChunkedArray, values: pa.ChunkedArray) -> Floats:
    """(m,) one part of the action as a number: a place, or the number itself."""
    numbers = [part.name for part in spec.actions.box]
    if name in numbers:
        return np.asarray(pc.list_element(values, numbers.index(name)).to_numpy(), dtype=np.float64)
    choices = [choice.name for choice in spec.actions.choices] or [ACTION]
    return np.asarray(pc.list_element(action, choices.index(name)).to_numpy(), dtype=np.float64)


def _states(
    spec: LoopSpec, contexts: Mapping[str, NDArray[Any]], afterwards: Mapping[str, NDArray[Any]], has_next: Bools
) -> dict[str, pa.Array]:
    """The columns state and next_state; null where contexts have no flat state, or where nothing is known of what came."""
    encoder, m = _encoder(spec), len(has_next)
    kind = TRANSITION_SCHEMA.field("state").type
    if encoder is None:
        return {"state": pa.nulls(m, kind), "next_state": pa.nulls(m, kind)}
    return {
        "state": _lists(encoder.encode_columns(contexts), np.ones(m, dtype=bool)),
        "next_state": _lists(encoder.encode_columns(afterwards), has_next),
    }


def _lists(numbers: NDArray[np.float32], is_there: Bools) -> pa.Array:
    """Lists of the rows; null where there is none."""
    width = numbers.shape[1]
    offsets = np.append(0, np.cumsum(np.where(is_there, width, 0))).astype(np.int32)
    flat = numbers if is_there.all() else numbers[is_there]
    mask = None if is_there.all() else pa.array(~is_there)
    kind = TRANSITION_SCHEMA.field("state").type
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat.ravel()), type=kind, mask=mask)


def _next_contexts(contexts: pa.ChunkedArray, told: Told, placed: Placed) -> pa.ChunkedArray:
    """(m,) JSON of what came next, or null."""
    is_step = placed.next_rows != NOWHERE
    from_step = contexts.take(pa.array(placed.next_rows, mask=~is_step))
    if is_step.all():
        return from_step
    return pc.coalesce(from_step, told.texts.take(pa.array(placed.rows, mask=is_step)))


def _one_split(split: Floats, episode: Ints) -> Floats:
    """(m,) the split of each episode's first row."""
    first = np.diff(episode, prepend=-1) != 0
    return split[first][np.cumsum(first) - 1] if len(split) else split
