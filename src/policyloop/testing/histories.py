"""What every format of episodes promises. Each function is one promise; it raises AssertionError where a plug-in breaks it.

`module` is the plug-in, with `read(path, spec)` and `write(path, rows, spec)`; `folder` is an empty one to write into. Two
short episodes go out and come back, whose numbers can be told apart: of episode e and step t, the state is about 10 e + t and
the reward 100 + 10 e + t. The first terminates after three steps, the second is truncated after two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.lake.history_check import checked_history

_N_STEPS = (3, 2)
_LOOP: Mapping[str, Any] = {
    "loop": "cart",
    "context": {"x": "number", "v": "number"},
    "actions": {"kind": "continuous", "box": {"force": {"min": -2, "max": 2}}},
    "episodes": {"max_steps": 100},
    "outcomes": {"reward": "number"},
    "reward": {"expression": "reward", "range": [0, 200]},
    "baseline": "uniform",
}
_NUMBERS = read_spec(dict(_LOOP))
_LABELS = read_spec({**_LOOP, "actions": {"labels": ["left", "right"]}})
_IMAGES = read_spec(
    {
        **_LOOP,
        "context": {"board": {"type": "tensor", "shape": [2, 2], "dtype": "uint8"}},
        "actions": {"labels": ["left", "right"]},
    }
)
_SPECS = {"numbers": _NUMBERS, "labels": _LABELS, "images": _IMAGES}


def every_episode_comes_back_with_all_its_steps(module: ModuleType, folder: Path) -> None:
    """None more, none less, none in another episode; and `write` says how many it wrote."""
    for kind, spec in _SPECS.items():
        file = folder / kind
        n = module.write(file, _transitions(spec), spec)
        assert n == len(_N_STEPS), f"{kind}: write says that it wrote {n} episodes; expected {len(_N_STEPS)}"
        rows = [row for row in module.read(file, spec).to_pylist() if _is_done(row)]
        names = list(dict.fromkeys(row["episode_id"] for row in rows))
        found = [[row["step"] for row in rows if row["episode_id"] == name] for name in names]
        wanted = [list(range(n_steps)) for n_steps in _N_STEPS]
        assert found == wanted, f"{kind}: episodes came back with the steps {found}; expected {wanted}"


def a_reward_stays_beside_the_action_that_brought_it(module: ModuleType, folder: Path) -> None:
    """Never beside the next one, and never beside the state that an episode ended in."""
    for kind, rows in _back(module, folder).items():
        for row, (e, t) in _placed(rows):
            reward = (row["outcomes"] or {}).get("reward")
            wanted = 100.0 + 10 * e + t if _is_done(row) else None
            assert reward == wanted, f"{kind}: episode {e}, step {t} came back with the reward {reward}; expected {wanted}"


def an_action_comes_back_as_it_was(module: ModuleType, folder: Path) -> None:
    """Numbers to 1e-6, labels by their place."""
    for kind, rows in _back(module, folder).items():
        for row, (e, t) in _placed(rows):
            if _is_done(row):
                name, wanted = ("action_value", (10 * e + t) / 100) if kind == "numbers" else ("action", (e + t) % 2)
                found = row[name]
                close = found is not None and np.allclose(found, [wanted], rtol=0, atol=1e-6)
                assert close, f"{kind}: episode {e}, step {t} came back with {name} {found}; expected {[wanted]}"


def a_state_comes_back_as_it_was_and_so_does_the_last(module: ModuleType, folder: Path) -> None:
    """One state more than actions, in the types of the loop's context."""
    for kind, rows in _back(module, folder).items():
        counts = [sum(e == which for _, (e, _) in _placed(rows)) for which in range(len(_N_STEPS))]
        wanted = [n_steps + 1 for n_steps in _N_STEPS]
        assert counts == wanted, f"{kind}: episodes came back with {counts} states; expected {wanted}, the last ones too"
        for row, (e, t) in _placed(rows):
            context = _context(kind, e, t)
            assert row["context"] == context, f"{kind}: episode {e}, step {t} came back in {row['context']}; expected {context}"


def a_last_state_of_nothing_but_zeros_is_one(module: ModuleType, folder: Path) -> None:
    """It is not taken for a state that nobody recorded."""
    rows = _transitions(_NUMBERS)
    rows.next_state[_N_STEPS[0] - 1] = 0
    module.write(folder / "zeros", rows, _NUMBERS)
    found = [row["context"] for row, (e, t) in _placed(module.read(folder / "zeros", _NUMBERS).to_pylist()) if e == 0]
    assert len(found) == _N_STEPS[0] + 1, f"an episode that ended in zeros came back with {len(found)} states; expected 4"
    assert set(found[-1].values()) == {0.0}, f"an episode that ended in zeros came back ending in {found[-1]}"


def terminated_stays_apart_from_truncated(module: ModuleType, folder: Path) -> None:
    """Each in the row of its episode's last action, and nowhere else."""
    for kind, rows in _back(module, folder).items():
        for name, wanted in (("terminated", [(0, _N_STEPS[0] - 1)]), ("truncated", [(1, _N_STEPS[1] - 1)])):
            found = [place for row, place in _placed(rows) if row[name]]
            assert found == wanted, f"{kind}: {name} came back in (episode, step) {found}; expected {wanted}"


def a_propensity_comes_back_or_is_unknown(module: ModuleType, folder: Path) -> None:
    """A format without a place for it loses it; none makes one up."""
    for kind, rows in _back(module, folder).items():
        for row, (e, t) in _placed(rows):
            told = row["propensity"]
            wanted = 0.25 if _is_done(row) else None
            where = f"{kind}: episode {e}, step {t}"
            assert told in (None, wanted), f"{where} came back with the propensity {told}; expected {wanted}, or none"
    bare = replace(_transitions(_NUMBERS), propensity=np.full(sum(_N_STEPS), np.nan))
    module.write(folder / "unknown", bare, _NUMBERS)
    told = module.read(folder / "unknown", _NUMBERS)["propensity"].to_pylist()
    assert set(told) == {None}, f"propensities that nobody knew came back as {told}"


def what_comes_back_may_enter_the_tables(module: ModuleType, folder: Path) -> None:
    """In the columns of `lake/episode_history.py`, and nothing in it is refused by the check that every import makes."""
    for kind, spec in _SPECS.items():
        table = _read(module, folder, kind, spec)
        try:
            checked_history(table, spec, now_us=0)
        except Invalid as refused:
            raise AssertionError(f"{kind}: what came back is refused: {refused.message}") from None


def writing_does_not_change_the_rows(module: ModuleType, folder: Path) -> None:
    """They are the caller's."""
    rows = _transitions(_NUMBERS)
    before = {name: column.tobytes() for name, column in _columns(rows).items()}
    module.write(folder / "rows", rows, _NUMBERS)
    changed = [name for name, column in _columns(rows).items() if column.tobytes() != before[name]]
    assert not changed, f"write changed {', '.join(changed)} of the rows that it was given"


def what_is_no_such_file_is_refused_by_its_name(module: ModuleType, folder: Path) -> None:
    """One that is missing, and one of something else."""
    (folder / "wrong").write_bytes(b"\x00\xffno such file")
    for name in ("wrong", "missing"):
        try:
            module.read(folder / name, _NUMBERS)
        except Invalid as refused:
            assert name in refused.message, f"the file '{name}' was refused without its name: {refused.message}"
            continue
        raise AssertionError(f"the file '{name}' was read, and is no file of this format; expected Invalid")


PROMISES = (
    every_episode_comes_back_with_all_its_steps,
    a_reward_stays_beside_the_action_that_brought_it,
    an_action_comes_back_as_it_was,
    a_state_comes_back_as_it_was_and_so_does_the_last,
    a_last_state_of_nothing_but_zeros_is_one,
    terminated_stays_apart_from_truncated,
    a_propensity_comes_back_or_is_unknown,
    what_comes_back_may_enter_the_tables,
    writing_does_not_change_the_rows,
    what_is_no_such_file_is_refused_by_its_name,
)


def _back(module: ModuleType, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What comes back of every kind of loop, row by row."""
    return {kind: _read(module, folder, kind, spec).to_pylist() for kind, spec in _SPECS.items()}


def _read(module: ModuleType, folder: Path, kind: str, spec: LoopSpec) -> pa.Table:
    module.write(folder / kind, _transitions(spec), spec)
    table: pa.Table = module.read(folder / kind, spec)
    return table


def _placed(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], tuple[int, int]]]:
    """Each row with the episode, counted in the order in which they come, and the step."""
    names = list(dict.fromkeys(row["episode_id"] for row in rows))
    return [(row, (names.index(row["episode_id"]), row["step"])) for row in rows]


def _is_done(row: Mapping[str, Any]) -> bool:
    """Whether something was done in this row; else it is the state that an episode ended in."""
    return row["action"] is not None or row["action_value"] is not None


def _context(kind: str, e: int, t: int) -> dict[str, Any]:
    place = 10 * e + t
    return {"board": [[place, 0], [1, 255]]} if kind == "images" else {"x": place + 0.5, "v": float(-place)}


def _transitions(spec: LoopSpec) -> Transitions:
    """Both episodes, whole."""
    episode = np.repeat(np.arange(len(_N_STEPS)), _N_STEPS)
    step = np.concatenate([np.arange(n_steps) for n_steps in _N_STEPS])
    place, n = 10 * episode + step, len(episode)
    is_last = np.append(episode[1:] != episode[:-1], True)
    return Transitions(
        state=_states(place, spec),
        action=np.zeros((n, 0), np.int32) if spec.has_box else ((episode + step) % 2).reshape(n, 1).astype(np.int32),
        action_value=(place / 100).reshape(n, 1).astype(np.float32) if spec.has_box else np.zeros((n, 0), np.float32),
        reward=(100 + place).astype(np.float32),
        next_state=_states(place + 1, spec),
        terminated=is_last & (episode == 0),
        truncated=is_last & (episode == 1),
        episode=episode,
        step=step,
        propensity=np.full(n, 0.25),
        propensity_kind=np.full(n, "density" if spec.has_box else "probability", dtype=object),
        action_source=np.full(n, "policy", dtype=object),
        split=episode / len(_N_STEPS),
    )


def _states(place: NDArray[np.int64], spec: LoopSpec) -> NDArray[Any]:
    if "board" in spec.context:
        rest = [np.full_like(place, number) for number in (0, 1, 255)]
        return np.stack([place, *rest], axis=1).reshape(len(place), 2, 2).astype(np.uint8)
    return np.stack([place + 0.5, -place], axis=1).astype(np.float32)


def _columns(rows: Transitions) -> dict[str, NDArray[Any]]:
    columns = {column.name: getattr(rows, column.name) for column in fields(rows)}
    return {name: column for name, column in columns.items() if isinstance(column, np.ndarray) and column.dtype != object}
