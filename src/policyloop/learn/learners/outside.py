"""Any outside algorithm: a command or a Python function that gets the transitions and a seed, and gives back ONNX and metrics.

Question answered: how does a program that knows nothing of Policyloop become a learner here? By a folder. It finds there

    data.parquet       a row a step: `state`, `action` or `action_value`, `reward`, `next_state`, `terminated`, `truncated`,
                       `episode`, `step`, `propensity`
    held_out.parquet   the same of episodes that it may look at and should not learn from
    task.json          `seed`, `discount`, `state_shape`, and `labels` or `low` and `high` of the box

and leaves there `model.onnx` (policy/policies/onnx.py says what it takes and gives), `metrics.json`, an object of numbers, and
if it has one `critic.onnx`. Since a loop file that names a command runs it, whoever trains must allow that: in the environment,
`POLICYLOOP_ALLOW_OUTSIDE=1`.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from policyloop.core.episode import Transitions
from policyloop.core.errors import BadModel, BadSetting, OutsideFailed
from policyloop.core.loop import ActionSpec
from policyloop.core.named_callable import callable_of
from policyloop.core.policy import Tensors
from policyloop.lake.number_lists import number_lists
from policyloop.learn.broken_rows import check_rows
from policyloop.policy.policies.onnx import CRITIC, MODEL, OnnxPolicy, from_files

UPDATES = CHECKPOINT_EVERY = 1  # the whole of what the program does
ALLOW = "POLICYLOOP_ALLOW_OUTSIDE"
SEARCHED = None  # what is worth trying is not known here
_LAST_WORDS = 2_000
_LOOKED_AT = 4_096


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    command: tuple[str, ...]  # one of the two
    function: str
    timeout_s: float


class OutsideLearner:
    """Runs the program once, with the first update; every further one runs it again with the next seed."""

    def __init__(self, train: Transitions, held_out: Transitions, *, actions: ActionSpec, seed: int, program: _Program) -> None:
        self._train, self._held_out, self._actions = train, held_out, actions
        self._seed, self._program = seed, program
        self._n_done = 0
        self._made: tuple[OnnxPolicy, Mapping[str, float]] | None = None

    def advance(self, n_updates: int) -> Mapping[str, float]:
        """Run the program so many times; answers the metrics of the last.

        Raises:
            OutsideFailed: it is not allowed, failed, took too long, or left something else than it should.
        """
        for _ in range(n_updates):
            with tempfile.TemporaryDirectory(prefix="policyloop-outside-") as name:
                folder = Path(name)
                self._hand_over(folder)
                self._run(folder)
                self._made = self._taken(folder)
            self._n_done += 1
        return {name: value for name, value in self._learned()[1].items() if name != "n_updates"}

    def diagnose(self) -> Mapping[str, float]:
        """What it expects on data and on held-out episodes; where it does not say, what its metrics say."""
        policy, metrics = self._learned()
        found = {**_expected(policy, self._train, ""), **_expected(policy, self._held_out, "held_out_")}
        if "q_mean" not in found and "q_mean" not in metrics:
            raise OutsideFailed(
                "the outside learner says nothing of the return that it expects: metrics.json has no q_mean, model.onnx no "
                "value, and there is no critic.onnx. Write the mean expected return on the data as `q_mean`."
            )
        return found

    def policy(self) -> OnnxPolicy:
        """What the program made."""
        return self._learned()[0]

    def state(self) -> Tensors:
        """The files that it left."""
        policy, metrics = self._learned()
        told = np.frombuffer(json.dumps(dict(metrics)).encode(), dtype=np.uint8)
        return {**policy.save()[1], "metrics": told, "n_done": np.array([self._n_done])}

    def resume(self, state: Tensors) -> None:
        """Go on from what `state` gave."""
        self._n_done = int(state["n_done"][0])
        critic = state[CRITIC].tobytes() if CRITIC in state else None
        self._made = (self._policy(state[MODEL].tobytes(), critic), json.loads(state["metrics"].tobytes()))

    def _learned(self) -> tuple[OnnxPolicy, Mapping[str, float]]:
        assert self._made is not None, "the program has not run yet"
        return self._made

    def _hand_over(self, folder: Path) -> None:
        pq.write_table(table_of(self._train), folder / "data.parquet")
        pq.write_table(table_of(self._held_out), folder / "held_out.parquet")
        task = {
            "seed": self._seed + self._n_done,
            "discount": self._train.discount,
            "state_shape": list(self._train.state.shape[1:]),
            "labels": list(self._actions.labels),
            "low": [part.low for part in self._actions.box],
            "high": [part.high for part in self._actions.box],
        }
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")

    def _run(self, folder: Path) -> None:
        """The program, in this process's working folder."""
        if os.environ.get(ALLOW) != "1":
            what = self._program.function or shlex.join(self._program.command)
            raise OutsideFailed(
                f"the loop wants to run '{what}' on this machine, and nobody has allowed that; set {ALLOW}=1 in the "
                f"environment of whoever trains (`policyloop up`, `policyloop train`), if you trust all who may change loops."
            )
        command = [*self._program.command, str(folder)]
        if self._program.function:
            command = [sys.executable, "-m", __name__, self._program.function, str(folder)]
        try:
            ended = subprocess.run(  # noqa: S603 - what the loop's owner named, and whoever trains allowed; no shell
                command, capture_output=True, timeout=self._program.timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise OutsideFailed(f"{shlex.join(command)} took longer than {self._program.timeout_s:g} s (timeout_s).") from None
        except OSError as error:
            raise OutsideFailed(f"{shlex.join(command)} cannot be run: {error.strerror}.") from None
        if ended.returncode:
            words = (ended.stderr + ended.stdout).decode(errors="replace").strip()[-_LAST_WORDS:]
            raise OutsideFailed(f"{shlex.join(command)} ended with exit code {ended.returncode}: {words}")

    def _taken(self, folder: Path) -> tuple[OnnxPolicy, Mapping[str, float]]:
        """What it left in its folder."""
        missing = [name for name in ("model.onnx", "metrics.json") if not (folder / name).is_file()]
        if missing:
            raise OutsideFailed(f"the outside learner left no {' and no '.join(missing)}; expected both in its folder.")
        critic = folder / "critic.onnx"
        try:
            policy = self._policy((folder / "model.onnx").read_bytes(), critic.read_bytes() if critic.is_file() else None)
        except BadModel as error:
            raise OutsideFailed(f"what the outside learner left cannot serve: {error.message}") from None
        return policy, _metrics((folder / "metrics.json").read_text(encoding="utf-8"))

    def _policy(self, model: bytes, critic: bytes | None) -> OnnxPolicy:
        return from_files(
            model,
            critic,
            state_shape=self._train.state.shape[1:],
            low=[part.low for part in self._actions.box],
            high=[part.high for part in self._actions.box],
            n_labels=len(self._actions.labels),
        )


def create_episodic(
    train: Transitions,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    seed: int,
    command: str = "",
    function: str = "",
    timeout_s: float = 3600.0,
) -> OutsideLearner:
    """A learner that has not run yet.

    Args:
        train: what is handed over as data.parquet.
        held_out: what is handed over as held_out.parquet.
        actions: labels, or a box.
        seed: of the first run.
        command: what is run, such as `python my_ppo.py`; the folder is its last argument.
        function: instead of it, `module:function`, called with the folder.
        timeout_s: it may not take longer.

    Raises:
        BadSetting: neither or both of command and function are there, or actions are labels and numbers at once.
        Invalid: rows of the history cannot be handed over.
    """
    if bool(command) == bool(function):
        raise BadSetting("learner.name is outside, which needs one of the settings command and function; expected just one.")
    if function and ":" not in function:
        raise BadSetting(f"learner.function is '{function}'; expected `module:function`, such as `my_ppo:learn`.")
    if not timeout_s > 0:
        raise BadSetting(f"learner.timeout_s is {timeout_s}; expected seconds above 0.")
    if actions.choices:
        raise BadSetting(
            "learner.name is outside, which learns about labels or about numbers; the loop's actions are labels and numbers at "
            "once. Expected iql or bc."
        )
    check_rows(train, actions)
    check_rows(held_out, actions)
    program = _Program(command=tuple(shlex.split(command)), function=function, timeout_s=timeout_s)
    return OutsideLearner(train, held_out, actions=actions, seed=seed, program=program)


def table_of(rows: Transitions) -> pa.Table:
    """Transitions as other programs read them: a row a step, states and actions as lists of numbers."""
    columns: dict[str, Any] = {
        "episode": rows.episode,
        "step": rows.step,
        "state": number_lists(rows.state),
        "reward": rows.reward,
        "next_state": number_lists(rows.next_state),
        "terminated": rows.terminated,
        "truncated": rows.truncated,
        "propensity": rows.propensity,
    }
    if rows.action.shape[1]:
        columns["action"] = rows.action[:, 0]
    if rows.action_value.shape[1]:
        columns["action_value"] = number_lists(rows.action_value)
    return pa.table(columns)


def main(function: str, folder: str) -> None:
    """Call `module:function` with the folder, in a process of its own."""
    callable_of(function)(folder)


def _metrics(text: str) -> Mapping[str, float]:
    """The numbers of metrics.json."""
    try:
        told = json.loads(text)
        found = {str(name): float(value) for name, value in told.items()}
    except (ValueError, AttributeError, TypeError):
        expected = 'expected an object of numbers, such as {"q_mean": 1.5}.'
        raise OutsideFailed(f"metrics.json is {text[:80]!r}; {expected}") from None
    bad = [name for name, value in found.items() if not math.isfinite(value)]
    if bad:
        raise OutsideFailed(f"metrics.json says that {bad[0]} is {found[bad[0]]}; expected finite numbers.")
    return found


def _expected(policy: OnnxPolicy, rows: Transitions, before: str) -> dict[str, float]:
    """Mean, least and most of what it expects of what was done; of its own actions if that is all it says; or nothing."""
    some = rows.where(np.arange(len(rows)) % max(1, len(rows) // _LOOKED_AT) == 0)
    if not len(some):
        return {}
    done = some.action_value if policy.n_numbers else some.action[:, 0]
    q = policy.value(some.state, done)
    if np.isnan(q).any() and policy.n_numbers:  # a few steps may have done what it would do, and are no fair part of all
        q = policy.value(some.state, policy.act(some.state))
    known = q[~np.isnan(q)].astype(np.float64)
    if not len(known):
        return {}
    return {f"{before}q_mean": float(known.mean()), f"{before}q_min": float(known.min()), f"{before}q_max": float(known.max())}


if __name__ == "__main__":
    main(*sys.argv[1:])
