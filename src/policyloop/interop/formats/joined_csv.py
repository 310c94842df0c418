"""Joined CSV: one line per decision with its reward, as bandit notebooks export it.

Columns: reward, event_id, action (1-based), action_prob, model_id, observation (JSON list or object), sample_prob.
`model_id` and `sample_prob` may be missing; the split is drawn anew from the event id, so `sample_prob` is not used.
The file has the probability of the taken action alone. With two actions, or where it is 1, that is the whole pmf, and
the row is evidence; else it is learned from as `estimated`.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid, unknown
from policyloop.core.loop import LoopSpec, OutcomeSpec
from policyloop.core.wire import TrackedDecision
from policyloop.interop.imported_row import ImportedRow, Row, context_of, outcome_of, outcome_value

REQUIRED = ("reward", "event_id", "action", "action_prob", "observation")
COLUMNS = (*REQUIRED, "model_id", "sample_prob")
_MAX_CELL = 2**20


def read(path: Path, spec: LoopSpec, *, policy: str, outcome: str | None) -> Iterator[Row]:
    """The file's rows, in order.

    Args:
        path: the file.
        spec: the loop that they are imported into.
        policy: name of the policy that decided, where model_id does not say.
        outcome: what the reward is reported as; None: the loop's only outcome.

    Raises:
        Invalid: the file cannot be read, or its columns are not those above.
    """
    if spec.is_candidates:
        message = "is joined CSV, whose actions are numbered labels; expected Parquet for a loop whose actions are candidates."
        raise Invalid([Fault(str(path), message)])
    rewarded = outcome_of(spec, outcome)
    csv.field_size_limit(_MAX_CELL)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.DictReader(file, skipinitialspace=True, strict=True)
            _check_columns(path, lines.fieldnames or [])
            for n, line in enumerate(lines, start=1):
                yield _row(line, f"row {n}", spec, policy, rewarded)
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be read: {error.strerror}; expected a CSV file.", "unreadable")]) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise Invalid([Fault(str(path), f"is not CSV: {error}.", "unreadable")]) from None


def _check_columns(path: Path, names: Any) -> None:
    """All required columns are there, and none that has no meaning."""
    faults = [Fault(str(path), unknown("column of a joined CSV", name, COLUMNS)) for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        faults.append(Fault(str(path), f"has no column {', '.join(missing)}; expected {', '.join(COLUMNS)} in its first line."))
    if faults:
        raise Invalid(faults, subject=str(path))


def _row(line: Mapping[str | None, Any], where: str, spec: LoopSpec, policy: str, outcome: OutcomeSpec) -> Row:
    """One line, or the first thing that is wrong with it."""
    if None in line or None in line.values():
        return Fault(where, "has another number of cells than the first line; expected the same.")
    try:
        index = _action(line["action"], spec)
        propensity = _number(line["action_prob"], "action_prob", "the chance in (0, 1] that the action really had")
        reward = _number(line["reward"], "reward", "a number, or nothing where none came")
        context = _observation(line["observation"], spec)
    except ValueError as error:
        return Fault(where, str(error))
    pmf = _whole_pmf(index, propensity, len(spec.labels))
    decision = TrackedDecision(
        loop=spec.loop,
        decision_id=line["event_id"],
        context=context,
        action=spec.labels[index],
        propensity=propensity,
        pmf=pmf,
        propensity_kind="unknown" if propensity is None else "estimated" if pmf is None else "probability",
        policy=line.get("model_id") or policy,
    )
    return ImportedRow(where, decision, {} if reward is None else {outcome.name: outcome_value(outcome, reward)})


def _action(cell: str, spec: LoopSpec) -> int:
    """The place of a 1-based action among the labels."""
    k = len(spec.labels)
    if not cell.isascii() or not cell.isdigit() or not 1 <= int(cell[:9]) <= k:
        raise ValueError(f"action is '{cell[:80]}'; expected a whole number from 1 to {k}, as the loop has {k} actions.")
    return int(cell) - 1


def _number(cell: str, column: str, expected: str) -> float | None:
    """A finite number; None for an empty cell."""
    if not cell.strip():
        return None
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{column} is '{cell[:80]}'; expected {expected}.")
    return number


def _observation(cell: str, spec: LoopSpec) -> dict[str, Any]:
    """The context, from a JSON list in the order of the fields or an object by name."""
    try:
        values = msgspec.json.decode(cell)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"observation is not JSON ({error}); expected a list, or an object by name.") from None
    if not isinstance(values, list | dict):
        raise ValueError("observation is neither a JSON list nor an object; expected one of these.")
    try:
        return context_of(values, spec)
    except ValueError as error:
        raise ValueError(f"observation {error}") from None


def _whole_pmf(index: int, propensity: float | None, k: int) -> list[float] | None:
    """All probabilities where the taken action's determines them."""
    if propensity is None or not 0 < propensity <= 1 or (k != 2 and propensity < 1):
        return None
    return [propensity if i == index else 1 - propensity if k == 2 else 0.0 for i in range(k)]
