"""Minari, the offline data sets of Farama: a folder with data/metadata.json and data/main_data.hdf5.

Question answered: which states, actions and ends did somebody else's environment log? FILE is the data set's folder. An
episode has one observation more than actions; a reward stands beside the action that brought it.
Source: https://minari.farama.org/content/dataset_standards/ (format hdf5). Observations that are images in JPEG, or nested
spaces, are not read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop import __version__
from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.interop.whole_episode import WholeEpisode, episodes_in, history_of

WRITTEN_VERSION = "0.5.4"  # of Minari, whose layout this is
_DATA, _META, _MAIN = "data", "metadata.json", "main_data.hdf5"
_PREFIX = "episode_"


def read(path: Path, spec: LoopSpec) -> pa.Table:
    """The history of a data set.

    Raises:
        Invalid: it is no data set of Minari, or its episodes do not fit the loop; every one is named.
    """
    file = path / _DATA / _MAIN if (path / _DATA).is_dir() else path / _MAIN
    try:
        with h5py.File(file, "r") as main:
            names = sorted((name for name in main if name.startswith(_PREFIX)), key=lambda name: int(name[len(_PREFIX) :]))
            return history_of([_episode(main[name], name) for name in names], spec)
    except OSError as error:
        told = f"is no data set of Minari ({error}); expected a folder with {_DATA}/{_MAIN}."
        raise Invalid([Fault(str(path), told, "unreadable")]) from None


def write(path: Path, rows: Transitions, spec: LoopSpec) -> int:
    """Write a data set and answer how many episodes it has; load it as `local/LOOP-v0` from MINARI_DATASETS_PATH.

    Raises:
        Invalid: the folder is there already, or cannot be written.
    """
    folder = path / _DATA
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise Invalid([Fault(str(folder), f"cannot be made: {error.strerror}. Name a new folder.", "unwritable")]) from None
    n = 0
    with h5py.File(folder / _MAIN, "w", track_order=True) as main:
        for n, episode in enumerate(episodes_in(rows), start=1):
            _write_episode(main.create_group(f"{_PREFIX}{n - 1}"), episode, n - 1)
    meta = {
        "dataset_id": f"local/{spec.loop}-v0",
        "total_episodes": n,
        "total_steps": len(rows),
        "data_format": "hdf5",
        "observation_space": json.dumps(_observations(spec)),
        "action_space": json.dumps(_actions(spec)),
        "minari_version": WRITTEN_VERSION,
        "algorithm_name": f"policyloop {__version__}",
        "dataset_size": round((folder / _MAIN).stat().st_size / 1e6, 1),
    }
    (folder / _META).write_text(json.dumps(meta, indent=2), encoding="utf-8")
    return n


def _episode(group: h5py.Group, name: str) -> WholeEpisode:
    columns = {key: _numbers(group, key, name) for key in ("observations", "actions", "rewards", "terminations", "truncations")}
    ends = columns["terminations"].astype(bool) | columns["truncations"].astype(bool)
    early = np.flatnonzero(ends[:-1])
    if len(early):
        raise Invalid([Fault(f"{name}, step {early[0]}", "ends before its last step; expected one end, at the last.")])
    is_terminated = bool(columns["terminations"][-1]) if len(ends) else False
    actions = columns["actions"]
    return WholeEpisode(
        id=name.removeprefix(_PREFIX),
        state=columns["observations"],
        action=actions,
        reward=columns["rewards"].astype(np.float64),
        terminated=is_terminated,
        truncated=not is_terminated,  # said so, or the record just stops
    )


def _numbers(group: h5py.Group, key: str, name: str) -> NDArray[Any]:
    """A column of an episode."""
    found = group.get(key)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiub":
        what = "missing" if found is None else "nested, or no numbers"
        raise Invalid([Fault(f"{name}/{key}", f"is {what}; expected plain numbers.", "unreadable")])
    column: NDArray[Any] = found[()]
    return column


def _write_episode(group: h5py.Group, episode: WholeEpisode, place: int) -> None:
    n = episode.n_steps
    last = np.arange(n) == n - 1
    zeros = np.zeros_like(episode.state[:1])
    columns = {
        "observations": episode.state if episode.has_last_state else np.concatenate([episode.state, zeros]),
        "actions": episode.action,
        "rewards": episode.reward,
        "terminations": last & episode.terminated,
        "truncations": last & episode.truncated,
    }
    for name, column in columns.items():
        group.create_dataset(name, data=column)
    group.attrs["id"], group.attrs["total_steps"] = place, n


def _observations(spec: LoopSpec) -> dict[str, Any]:
    """The space of states, as Minari writes spaces."""
    encoder = StateEncoder.of(spec.context.values())
    return _box(encoder.shape, encoder.dtype.name)


def _actions(spec: LoopSpec) -> dict[str, Any]:
    if not spec.has_box:
        return {"type": "Discrete", "dtype": "int64", "start": 0, "n": len(spec.labels)}
    low, high = [part.low for part in spec.actions.box], [part.high for part in spec.actions.box]
    return {"type": "Box", "dtype": "float32", "shape": [len(low)], "low": low, "high": high}


def _box(shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
    low, high = (0, 255) if dtype == "uint8" else (-np.inf, np.inf)
    return {
        "type": "Box",
        "dtype": dtype,
        "shape": list(shape),
        "low": np.full(shape, low).tolist(),
        "high": np.full(shape, high).tolist(),
    }
