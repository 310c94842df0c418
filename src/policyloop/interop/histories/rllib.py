"""RLlib's JSON rows: an object a line, each a piece of an episode or of several, with a list for each column.

Question answered: which steps did an RLlib of the old stack log, plain or packed? Rows of one episode are taken together by
`eps_id` (or `episode_id`), in the order of `t` where that is there, else of the file. Each says its own state (`obs`), action,
reward and what came of it (`new_obs`); where that is not the state of the next row, the rows do not belong together, and are
refused. `dones` of older files tells terminated and truncated apart no more: an episode that is as long as the loop's
`max_steps` was truncated. Packed columns are read by interop/packed_array.py, which refuses all but arrays.
Source: https://docs.ray.io/en/releases-2.9.0/rllib/rllib-offline.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.interop.packed_array import NoArray, is_packed, unpacked
from policyloop.interop.whole_episode import WholeEpisode, episodes_in, history_of

_IDS = ("eps_id", "episode_id")
_NEEDED = ("obs", "actions", "rewards")
_READ = (*_IDS, *_NEEDED, "t", "new_obs", "dones", "terminateds", "terminated", "truncateds", "truncated", "action_prob")
_TOLERANCE = 1e-5  # between a state and the same state in the row before
_MAX_FAULTS = 20


def read(path: Path, spec: LoopSpec) -> pa.Table:
    """The history in a file of rows.

    Raises:
        Invalid: a row cannot be read or does not fit; it is named by its line.
    """
    faults: list[Fault] = []
    rows: dict[str, list[dict[str, Any]]] = {}
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    _take(line, f"{path.name}, line {number}", rows, faults)
                if faults and not rows:
                    break  # the first line is none of RLlib's, and a file of others has nothing but such
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be read: {error.strerror}.", "unreadable")]) from None
    episodes = [_episode(name, steps, spec, faults) for name, steps in rows.items()] if not faults else []
    if faults:
        raise Invalid(faults[:_MAX_FAULTS], subject="the rows")
    return history_of(episodes, spec)


def write(path: Path, rows: Transitions, spec: LoopSpec) -> int:
    """Write a line for every episode, as plain lists, and answer how many there are.

    Raises:
        Invalid: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8") as out:
            for episode in episodes_in(rows):
                out.write(json.dumps(_line(episode)) + "\n")
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be written: {error.strerror}.", "unwritable")]) from None
    return rows.n_episodes


def _line(episode: WholeEpisode) -> dict[str, Any]:
    n = episode.n_steps
    last = np.arange(n) == n - 1
    after = (
        episode.state[1:] if episode.has_last_state else np.concatenate([episode.state[1:], np.zeros_like(episode.state[:1])])
    )
    columns = {
        "eps_id": np.full(n, int(episode.id)),
        "t": np.arange(n),
        "obs": episode.state[:n],
        "new_obs": after,
        "actions": episode.action,
        "rewards": episode.reward,
        "terminateds": last & episode.terminated,
        "truncateds": last & episode.truncated,
    }
    if episode.propensity is not None:
        columns["action_prob"] = episode.propensity
    return {"type": "SampleBatch", **{name: column.tolist() for name, column in columns.items()}}


def _take(line: bytes, where: str, rows: dict[str, list[dict[str, Any]]], faults: list[Fault]) -> None:
    """Sort the steps of a line under their episodes."""
    try:
        told = json.loads(line)
        columns = _columns(_batch(told), where)
        lengths = {name: len(column) for name, column in columns.items()}
        missing = [name for name in _NEEDED if name not in columns]
        if missing or len(set(lengths.values())) != 1:
            raise ValueError(f"misses {missing[0]}" if missing else f"has columns of different lengths: {lengths}")
    except NoArray as error:
        faults.append(Fault(where, str(error), error.code))
        return
    except json.JSONDecodeError as error:
        begun = line[:40].decode("utf-8", "replace").strip()
        told = f"begins with {begun!r} and is no JSON ({error.msg.lower()}); expected an object of RLlib's columns."
        faults.append(Fault(where, told, "unreadable"))
        return
    except (ValueError, TypeError) as error:
        faults.append(Fault(where, f"{error}; expected an object of RLlib's columns.", "unreadable"))
        return
    ids = next((columns[name] for name in _IDS if name in columns), None)
    for i in range(len(columns["rewards"])):
        name = "0" if ids is None else str(ids[i])
        rows.setdefault(name, []).append({"where": where, **{key: column[i] for key, column in columns.items()}})


def _batch(told: Any) -> Mapping[str, Any]:
    """The columns of a line; of a batch of several agents those of the only policy."""
    if not isinstance(told, Mapping):
        raise TypeError("is no object")
    if told.get("type") != "MultiAgentBatch":
        return told
    batches = told.get("policy_batches", {})
    if len(batches) != 1:
        raise ValueError(f"holds the batches of {len(batches)} policies, and a loop has one")
    only: Mapping[str, Any] = next(iter(batches.values()))
    return only


def _columns(batch: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The columns that are read, unpacked."""
    return {name: unpacked(batch[name]) if is_packed(batch[name]) else batch[name] for name in _READ if name in batch}


def _episode(name: str, steps: list[dict[str, Any]], spec: LoopSpec, faults: list[Fault]) -> WholeEpisode:
    """The episode that the steps make; what is wrong with them goes to the faults."""
    rows = sorted(steps, key=lambda row: int(row["t"])) if "t" in steps[0] else steps
    state, after = _numbers(rows, "obs", faults), _numbers(rows, "new_obs", faults) if "new_obs" in rows[0] else None
    if after is not None and not faults:
        apart = np.abs(after[:-1] - state[1:]).reshape(len(rows) - 1, -1) > _TOLERANCE * (1 + np.abs(state[1:])).reshape(
            len(rows) - 1, -1
        )
        for i in np.flatnonzero(apart.any(axis=1))[:1]:
            told = f"what came of step {i} of episode {name} (`new_obs`) is not the state of its next row (`obs`)"
            faults.append(Fault(rows[i + 1]["where"], f"{told}; expected rows of one episode in order, none left out.", "gap"))
    action = _numbers(rows, "actions", faults)
    if not spec.has_box:
        action = action.reshape(len(rows)).astype(np.int64)
    elif action.ndim == 1:
        action = action.reshape(-1, 1)
    ends = [_ends(row) for row in rows]
    for i, (is_terminated, is_truncated) in enumerate(ends[:-1]):
        if is_terminated or is_truncated:
            faults.append(
                Fault(rows[i]["where"], f"episode {name} ends at step {i} and goes on; expected one end, at the last.", "ends")
            )
            break
    is_terminated = ends[-1][0]
    most = None if spec.episodes is None else spec.episodes.max_steps
    if "dones" in rows[0] and is_terminated and most is not None and len(rows) >= most:
        is_terminated = False  # a time limit, which `dones` does not tell from a real end
    return WholeEpisode(
        id=name,
        state=state if after is None else np.concatenate([state, after[-1:]]),
        action=action,
        reward=_numbers(rows, "rewards", faults).reshape(-1),
        terminated=is_terminated,
        truncated=not is_terminated,
        propensity=_numbers(rows, "action_prob", faults).reshape(-1) if "action_prob" in rows[0] else None,
    )


def _ends(row: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether it terminated, and whether it was truncated."""
    terminated = any(bool(row.get(key, False)) for key in ("terminateds", "terminated", "dones"))
    return terminated, any(bool(row.get(key, False)) for key in ("truncateds", "truncated"))


def _numbers(rows: list[dict[str, Any]], key: str, faults: list[Fault]) -> NDArray[Any]:
    """A column of an episode; zeros and a fault where it is none of numbers."""
    try:
        return np.array([row[key] for row in rows], dtype=np.float64)
    except (KeyError, ValueError, TypeError):
        faults.append(Fault(rows[0]["where"], f"`{key}` is no list of numbers, or is missing in some rows.", "unreadable"))
        return np.zeros((len(rows), 1))
