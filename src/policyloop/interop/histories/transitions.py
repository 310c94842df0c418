"""Transitions in Parquet: a row a step, with the state before and after it, as offline reinforcement learning takes them.

Question answered: how do transitions go into any program that reads tables, and come back? Columns: `episode`, `step`,
`state`, `next_state`, `action` (the label's place; a list of them where several parts have labels) or `action_value` (numbers),
`reward`, `terminated`, `truncated`, and where it is known `propensity`. The reward of a row is of that row's action. Where
nobody recorded what came of an episode's last action, `next_state` is null there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.interop.whole_episode import WholeEpisode, history_of
from policyloop.lake.number_lists import number_lists

_NEEDED = ("episode", "step", "state", "reward", "terminated", "truncated")


def read(path: Path, spec: LoopSpec) -> pa.Table:
    """The history in a file.

    Raises:
        Invalid: it is no table of transitions, or its episodes do not fit the loop; every one is named.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise Invalid([Fault(str(path), f"is no Parquet file that can be read ({error}).", "unreadable")]) from None
    needed = (*_NEEDED, "action_value" if spec.has_box else "action")
    missing = [name for name in needed if name not in table.column_names]
    if missing:
        told = f"has no column {', '.join(missing)}; found {', '.join(table.column_names)}."
        raise Invalid([Fault(str(path), told, "missing")])
    ordered = table.take(_in_order(table))
    names = ordered["episode"].to_pylist()
    starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
    ends = [*starts[1:], len(names)]
    return history_of([_episode(ordered.slice(a, b - a), spec) for a, b in zip(starts, ends, strict=True)], spec)


def write(path: Path, rows: Transitions, spec: LoopSpec) -> int:
    """Write a row a step and answer how many episodes there are.

    Raises:
        Invalid: the file cannot be written.
    """
    columns: dict[str, Any] = {
        "episode": rows.episode,
        "step": rows.step,
        "state": number_lists(rows.state),
        "reward": rows.reward,
        "next_state": number_lists(rows.next_state, is_there=rows.is_next_known),
        "terminated": rows.terminated,
        "truncated": rows.truncated,
        "propensity": pa.array(rows.propensity, mask=np.isnan(rows.propensity)),
        "propensity_kind": pa.array(rows.propensity_kind.tolist(), pa.string()),
        "action_source": pa.array(rows.action_source.tolist(), pa.string()),
        "split": rows.split,
    }
    if rows.action.shape[1]:
        columns["action"] = rows.action[:, 0] if rows.action.shape[1] == 1 else number_lists(rows.action)
    if rows.action_value.shape[1]:
        columns["action_value"] = number_lists(rows.action_value)
    try:
        pq.write_table(pa.table(columns), path)
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be written: {error.strerror or error}.", "unwritable")]) from None
    return rows.n_episodes


def _in_order(table: pa.Table) -> pa.Array:
    """Places of the rows by episode, as they first come, and step."""
    _, episode = np.unique(np.array(table["episode"].to_pylist(), dtype=object).astype(str), return_inverse=True)
    first = np.full(episode.max(initial=0) + 1, len(episode))
    np.minimum.at(first, episode, np.arange(len(episode)))
    return pa.array(np.lexsort((table["step"].to_numpy(), first[episode])))


def _episode(rows: pa.Table, spec: LoopSpec) -> WholeEpisode:
    name, shape = str(rows["episode"][0]), StateEncoder.of(spec.context.values()).shape
    steps = rows["step"].to_numpy()
    broken = np.flatnonzero(np.diff(steps) != 1)
    if len(broken):
        told = f"step {steps[broken[0]]} is followed by {steps[broken[0] + 1]}; expected steps that count on by one."
        raise Invalid([Fault(f"episode {name}", told, "gap")])
    terminated, truncated = rows["terminated"].to_numpy(), rows["truncated"].to_numpy()
    early = np.flatnonzero((terminated | truncated)[:-1])
    if len(early):
        raise Invalid(
            [Fault(f"episode {name}, step {steps[early[0]]}", "ends before its last step; expected one end.", "ends")]
        )
    state = _matrix(rows["state"], name)
    if "next_state" in rows.column_names and rows["next_state"][-1].is_valid:
        state = np.concatenate([state, _matrix(rows["next_state"][-1:], name)])
    propensity = rows["propensity"].to_numpy() if "propensity" in rows.column_names else np.full(len(rows), np.nan)
    return WholeEpisode(
        id=name,
        state=state.reshape(-1, *shape) if state.shape[1] == int(np.prod(shape)) else state,
        action=_matrix(rows["action_value"], name) if spec.has_box else rows["action"].to_numpy(),
        reward=rows["reward"].to_numpy().astype(np.float64),
        terminated=bool(terminated[-1]),
        truncated=not terminated[-1],
        propensity=None if np.isnan(propensity.astype(np.float64)).any() else propensity,
    )


def _matrix(column: pa.ChunkedArray, name: str) -> NDArray[Any]:
    """(t, d) of lists of numbers."""
    try:
        return np.array(column.to_pylist(), dtype=np.float64).reshape(len(column), -1)
    except (ValueError, TypeError):
        raise Invalid(
            [Fault(f"episode {name}", "has lists of different lengths, or of what is no number.", "unreadable")]
        ) from None
