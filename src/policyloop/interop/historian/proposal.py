"""A first loop file from a history: a field for each column, actions between what was done, and the episodes' columns.

Question answered: what would a person write into the loop file after looking at this table? It is a proposal, to be edited:
bounds of fields are wider than the data, those of actions are what was done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.errors import Fault, Invalid, unknown
from policyloop.core.loop import EpisodeSpec
from policyloop.core.spec_actions import MAX_LABELS
from policyloop.core.spec_episodes import ACTION
from policyloop.core.spec_inference import MAX_CATEGORY_VALUES, with_head_room
from policyloop.core.spec_learning import EPISODES_LEARNER
from policyloop.interop.historian.file import numbers_of, read_table, texts_of
from policyloop.interop.historian.ledger import Ledger
from policyloop.interop.historian.long_table import TIMES, columns_of_long, good_readings
from policyloop.interop.historian.reading import Reading, lagged_name
from policyloop.interop.historian.wanted import SAID

REWARD = "reward"
_USUAL = EpisodeSpec()
_BOOLEANS = {"true", "false"}


def propose(
    path: Path, reading: Reading, *, actions: Sequence[str], outcomes: Sequence[str] = (), reward: str | None = None
) -> dict[str, Any]:
    """Keys of a loop file, without `loop`, for `read_spec`.

    Args:
        path: the file with the history.
        reading: how it is to be read.
        actions: columns that were done, not seen.
        outcomes: columns that came of it.
        reward: its expression; None: the column `reward`.

    Raises:
        Invalid: the file cannot be read, or it cannot be told what was done, or what it was worth.
    """
    columns = _columns(path, reading)
    outcome_names = [*outcomes] or ([REWARD] if REWARD in columns and reward is None else [])
    _check(columns, actions, outcome_names, reward)
    decimal = reading.decimal
    _check_decimals(columns, decimal)
    context = {name: _field(told, decimal) for name, told in columns.items() if name not in {*actions, *outcome_names, *SAID}}
    context |= {lagged_name(name, k): {"type": "number"} for name, k in reading.lags if name in columns}
    done = _actions({name: columns[name] for name in actions}, decimal)
    is_box = done["kind"] == "continuous"
    cut = reading.cut.column if reading.cut.by == "column" and reading.cut.column is not None else _USUAL.id
    has_range = reward is not None or not outcome_names
    return {
        "context": context,
        "actions": done,
        "episodes": {"id": cut, "step": _USUAL.step, "discount": _USUAL.discount},
        "outcomes": {name: _outcome(columns[name]) for name in outcome_names},
        "reward": {
            "expression": reward or REWARD,
            **({} if has_range else {"range": list(_range(columns[outcome_names[0]], decimal))}),
        },
        "baseline": "middle" if is_box else "first" if done["kind"] == "discrete" else "uniform",
        "learner": {"name": EPISODES_LEARNER[done["kind"]]},
        "explore": {"name": "gaussian", "scale": 0.1, "floor": 0.02} if is_box else {"name": "epsilon_greedy"},
    }


def roomy_steps(longest: int) -> int:
    """An episode's greatest number of steps as a person would write it: two digits, and below 100 a multiple of five.

    Args:
        longest: steps of the longest episode of the history.
    """
    unit = 5 if longest < 100 else 10 ** (len(str(longest)) - 2)
    return max(1, -(-longest // unit)) * unit


def _columns(path: Path, reading: Reading) -> dict[str, pa.ChunkedArray | pa.Array]:
    """The loop's name -> the values, of all columns or tags but those of episodes, steps and times."""
    table = read_table(path)
    names = table.column_names
    ours = {theirs: name for name, theirs in reading.columns.items()}
    columns_of = columns_of_long(names, reading)
    if columns_of is None:
        own = [reading.columns.get(name, name) for name in (_USUAL.id, _USUAL.step)]
        held = {reading.cut.column or own[0], reading.step or own[1], reading.time, *reading.ignore}
        _check_names(reading, names)
        usual = {name for name in names if name.lower() in TIMES} if reading.time is None else set()
        return {ours.get(name, name): table[name] for name in names if name not in held | usual}
    tag, _, value, quality = columns_of
    if quality is not None:
        table = table.filter(pa.array(good_readings(table[quality], quality, reading, Ledger(frozenset()))))
    tags = [str(one) for one in table[tag].unique().to_pylist() if one is not None]
    _check_names(reading, tags)
    held = {reading.cut.column, *reading.ignore}
    texts = table[tag].cast(pa.string())
    return {ours.get(one, one): table[value].filter(pc.equal(texts, one)) for one in tags if one not in held}


def _check_names(reading: Reading, names: Sequence[str]) -> None:
    """What `--column` says is theirs must be there."""
    faults = [
        Fault("--column", unknown("column or tag of the file", theirs, names), "unknown_name")
        for theirs in reading.columns.values()
        if theirs not in names
    ]
    if faults:
        raise Invalid(faults, subject="what was asked for")


def _check(columns: Mapping[str, Any], actions: Sequence[str], outcomes: Sequence[str], reward: str | None) -> None:
    known = [name for name in columns if name not in SAID]
    faults = [Fault("--actions", unknown("column", name, known), "unknown_name") for name in actions if name not in columns]
    faults += [Fault("--outcomes", unknown("column", name, known), "unknown_name") for name in outcomes if name not in columns]
    if not actions:
        told = f"is needed to make a loop file: which of {', '.join(known[:30])} was done, not seen? Such as `--actions valve`."
        faults.append(Fault("--actions", told, "missing"))
    if reward is None and not outcomes:
        told = 'is needed to make a loop file, as there is no column `reward`; such as `--reward "-abs(next.level - 50)"`.'
        faults.append(Fault("--reward", told, "missing"))
    if reward is None and outcomes and list(outcomes) != [REWARD] and REWARD not in outcomes:
        faults.append(Fault("--reward", f"is needed: what are {', '.join(outcomes)} worth?", "missing"))
    if faults:
        raise Invalid(faults, subject="what was asked for")


def _check_decimals(columns: Mapping[str, pa.ChunkedArray | pa.Array], decimal: str) -> None:
    """Texts that would be numbers with a comma before their decimals make no categories, nor labels."""
    found = [
        name
        for name, column in columns.items()
        if decimal == "." and name not in SAID and _numbers(column, ".") is None and _numbers(column, ",") is not None
    ]
    if found:
        told = f"is '.', and {', '.join(found)} hold numbers with a decimal comma; expected `--decimal ,`."
        raise Invalid([Fault("--decimal", told)], subject="what was asked for")


def _field(column: pa.ChunkedArray | pa.Array, decimal: str) -> dict[str, Any]:
    """Options of the field that holds these values."""
    if pa.types.is_nested(column.type):
        first = column.drop_null()[0].as_py()
        shape = []
        while isinstance(first, list):
            shape.append(len(first))
            first = first[0]
        return {"type": "tensor", "shape": shape}
    numbers = _numbers(column, decimal)
    optional = {"optional": True} if numbers is not None and numbers.null_count else {}
    if pa.types.is_boolean(column.type) or _words(column) <= _BOOLEANS:
        return {"type": "boolean"}
    if numbers is not None:
        low, high = _ends(numbers)
        low, high = with_head_room([low, high])
        return {"type": "number", "min": low, "max": high, **optional}
    words = sorted({str(one) for one in texts_of(_chunked(column)).unique().to_pylist() if one is not None})
    if len(words) <= MAX_CATEGORY_VALUES:
        return {"type": "category", "values": words}
    return {"type": "text", "learn": False}


def _actions(columns: Mapping[str, pa.ChunkedArray | pa.Array], decimal: str) -> dict[str, Any]:
    """A box of numbers, labels, or both."""
    parts: dict[str, Any] = {}
    for name, column in columns.items():
        numbers = _numbers(column, decimal)
        if numbers is not None:
            low, high = _ends(numbers)
            parts[name] = {"min": low, "max": high if high > low else low + 1.0}
        else:
            labels = sorted({str(one) for one in texts_of(_chunked(column)).unique().to_pylist() if one is not None})
            if len(labels) > MAX_LABELS:
                raise Invalid(
                    [Fault(name, f"has {len(labels):,} different values; expected at most {MAX_LABELS:,} as actions.")]
                )
            parts[name] = labels
    if all(isinstance(part, dict) for part in parts.values()):
        return {"kind": "continuous", "box": parts}
    if list(parts) == [ACTION]:
        return {"kind": "discrete", "labels": parts[ACTION]}
    if len(parts) == 1:
        name = next(iter(parts))
        raise Invalid(
            [Fault("--actions", f"is '{name}', a column of labels; expected `--column {ACTION}={name} --actions {ACTION}`.")]
        )
    return {"kind": "tuple", "parts": parts}


def _outcome(column: pa.ChunkedArray | pa.Array) -> dict[str, Any]:
    is_boolean = pa.types.is_boolean(column.type) or _words(column) <= _BOOLEANS
    return {"type": "boolean" if is_boolean else "number", "take": "last"}


def _range(column: pa.ChunkedArray | pa.Array, decimal: str) -> tuple[float, float]:
    """Between which bounds a logged reward lies, rounded outwards."""
    numbers = _numbers(column, decimal)
    low, high = (0.0, 1.0) if numbers is None else _ends(numbers)
    return with_head_room([low, high])


def _numbers(column: pa.ChunkedArray | pa.Array, decimal: str) -> pa.Array | None:
    """The column as numbers; None where it holds mostly texts."""
    numbers, is_text = numbers_of(_chunked(column), decimal=decimal)
    n_texts = pc.sum(is_text).as_py() or 0
    return numbers if n_texts * 2 < max(1, len(numbers) - numbers.null_count + n_texts) else None


def _words(column: pa.ChunkedArray | pa.Array) -> set[str]:
    """The different texts, in lower case; of a column of numbers something that is no word."""
    if not (pa.types.is_string(column.type) or pa.types.is_dictionary(column.type)):
        return {"1.5"}
    few = texts_of(_chunked(column)).unique().drop_null().slice(0, 5).to_pylist()
    return {str(word).strip().lower() for word in few} or {"1.5"}


def _ends(numbers: pa.Array) -> tuple[float, float]:
    finite = numbers.filter(pc.fill_null(pc.is_finite(numbers), False))
    if not len(finite):
        return 0.0, 1.0
    ends = pc.min_max(finite)
    return float(ends["min"].as_py()), float(ends["max"].as_py())


def _chunked(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
