"""Checkpoints on disk: what a training run goes on from after it was killed, and the lines by which it is followed.

Question answered: how far had the run come, and with which weights? In the run's folder:

    run.json                   what is learned, from which data, with which seed: a run with another one begins anew
    metrics.jsonl              a line a checkpoint, for people and `policyloop jobs follow`
    checkpoint-000004000.safetensors   a policy with its settings and its line
    state-000004000.safetensors        the learner after it; one is kept, written before the older one goes

A file is whole or not there: it is written beside its place and renamed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from policyloop.core import plugins
from policyloop.core.episode import EpisodePolicy
from policyloop.core.policy import Tensors
from policyloop.learn.offline import Checkpoint, Resumable
from policyloop.policy.scored import POLICIES

METRICS = "metrics.jsonl"
_RUN = "run.json"


class CheckpointFolder:
    """The folder of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, what: Mapping[str, Any]) -> Resumable | None:
        """Go on with a run of the same `what`, or clear the folder for a new one.

        Args:
            what: all that the run's checkpoints depend on, as JSON.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        told = json.dumps(what, sort_keys=True)
        file = self.path / _RUN
        if file.exists() and file.read_text(encoding="utf-8") == told:
            found = self._found()
            if found is not None:
                self._write_lines([_line(checkpoint) for checkpoint in found.checkpoints])
                return found
        self.clear()
        self._write(_RUN, told.encode())
        return None

    def keep(self, checkpoint: Checkpoint, state: Tensors) -> None:
        """Write a checkpoint, and after it the state that the run goes on from."""
        settings, tensors = checkpoint.policy.save()
        told = {"policy": checkpoint.policy.kind, "settings": settings, "line": _line(checkpoint)}
        self._write(_name("checkpoint", checkpoint.n_updates), _packed(tensors, {"told": json.dumps(told)}))
        self._write(_name("state", checkpoint.n_updates), _packed(state, {}))
        for older in self._numbered("state")[:-1]:
            (self.path / _name("state", older)).unlink()
        with (self.path / METRICS).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(_line(checkpoint)) + "\n")

    def clear(self) -> None:
        """Take out the weights, and all else of the run."""
        self.drop_weights()
        for name in (METRICS, _RUN):
            (self.path / name).unlink(missing_ok=True)

    def drop_weights(self) -> None:
        """Take out the checkpoints of a run that is over, and leave its lines."""
        for file in self.path.glob("*.safetensors*"):
            file.unlink()

    def _found(self) -> Resumable | None:
        """The checkpoints up to the last one that has a state."""
        states = self._numbered("state")
        if not states:
            return None
        numbers = [n for n in self._numbered("checkpoint") if n <= states[-1]]
        checkpoints = tuple(self._read(n) for n in numbers)
        state = safetensors.numpy.load_file(self.path / _name("state", states[-1]))
        return Resumable(checkpoints=checkpoints, state=state) if numbers and numbers[-1] == states[-1] else None

    def _read(self, n_updates: int) -> Checkpoint:
        file = self.path / _name("checkpoint", n_updates)
        with safetensors.safe_open(file, framework="numpy") as opened:
            told = json.loads(opened.metadata()["told"])
        policy: EpisodePolicy = plugins.load(POLICIES, told["policy"]).load(told["settings"], safetensors.numpy.load_file(file))
        line = told["line"]
        seconds = line.pop("seconds")
        return Checkpoint(n_updates=line.pop("n_updates"), metrics=line, policy=policy, seconds=seconds)

    def _numbered(self, kind: str) -> list[int]:
        return sorted(int(file.stem.rsplit("-", 1)[1]) for file in self.path.glob(f"{kind}-*.safetensors"))

    def _write_lines(self, lines: list[dict[str, Any]]) -> None:
        self._write(METRICS, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def _write(self, name: str, data: bytes) -> None:
        beside = self.path / f"{name}.new"
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / name)


def lines_of(folder: Path, *, after: int = 0) -> list[dict[str, Any]]:
    """The lines of a run so far, beyond the first `after`; one that is not whole yet is left for later."""
    file = folder / METRICS
    if not file.exists():
        return []
    whole = [line for line in file.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole[after:]]


def _line(checkpoint: Checkpoint) -> dict[str, Any]:
    return {**checkpoint.line(), "seconds": checkpoint.seconds}


def _packed(tensors: Tensors, told: dict[str, str]) -> bytes:
    whole = {name: np.asarray(tensor, order="C") for name, tensor in tensors.items()}  # a number alone keeps its shape, ()
    return bytes(safetensors.numpy.save(whole, metadata=told))


def _name(kind: str, n_updates: int) -> str:
    return f"{kind}-{n_updates:09d}.safetensors"
