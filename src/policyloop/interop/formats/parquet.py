"""Parquet in the shape of our tables `decisions` and `examples`: what was exported elsewhere comes in again.

Needed: context (JSON text or struct) and action (index, list with one index, or label). Used where they are there:
decision_id, pmf, propensity, propensity_kind, policy, mask, occurred_at or decided_at, action_source, episode_id, step,
outcomes (map), reward.
Indices are places among the labels of the loop that is imported into. Aggregated outcomes come in as one report each, so
an outcome with `take: count` does not survive. Rows marked is_conflict are left out, as in learning.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from policyloop.core.clock import iso
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec, OutcomeSpec
from policyloop.core.model import IMPORTED
from policyloop.core.wire import PropensityKind, TrackedDecision
from policyloop.interop.imported_row import ImportedRow, Row, context_of, outcome_of, outcome_value

_KINDS: tuple[PropensityKind, ...] = ("probability", "point", "estimated", "unknown")
_ROWS_AT_ONCE = 10_000
_NEEDED = ("context", "action")
_USED = (
    *("decision_id", *_NEEDED, "pmf", "propensity", "propensity_kind", "policy", "mask", "occurred_at", "decided_at"),
    *("action_source", "episode_id", "step", "outcomes", "reward", "is_rewarded", "is_conflict"),
)


def read(path: Path, spec: LoopSpec, *, policy: str, outcome: str | None) -> Iterator[Row]:
    """The file's rows, in order.

    Args:
        path: the file.
        spec: the loop that they are imported into.
        policy: name of the policy that decided, where the column does not say.
        outcome: what the reward column is reported as, in files without outcomes; None: the loop's only outcome.

    Raises:
        Invalid: the file cannot be read, or lacks a column that is needed.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                raise Invalid([Fault(str(path), f"has no column {', '.join(missing)}; expected at least context and action.")])
            rewarded = outcome_of(spec, outcome) if "reward" in names and "outcomes" not in names else None
            n = 0
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=[name for name in _USED if name in names]):
                for row in batch.to_pylist(maps_as_pydicts="lossy"):
                    n += 1
                    if not row.get("is_conflict"):
                        yield _row(row, f"row {n}", spec, policy, rewarded)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        raise Invalid([Fault(str(path), f"cannot be read: {reason}; expected a Parquet file.", "unreadable")]) from None


def _row(row: Mapping[str, Any], where: str, spec: LoopSpec, policy: str, rewarded: OutcomeSpec | None) -> Row:
    """One row, or the first thing that is wrong with it."""
    try:
        decision = TrackedDecision(
            loop=spec.loop,
            decision_id=row.get("decision_id"),
            context=_context(row["context"], spec),
            action=_action(row["action"]),
            propensity=_known(row.get("propensity")),
            pmf=_pmf(row.get("pmf")),
            propensity_kind=_kind(row),
            policy=(row.get("policy") or policy).removeprefix(IMPORTED),
            action_source=row.get("action_source"),
            mask=row.get("mask"),
            occurred_at=_time(row.get("occurred_at") or row.get("decided_at")),
            episode_id=row.get("episode_id"),
            step=row.get("step"),
        )
    except ValueError as error:
        return Fault(where, str(error))
    return ImportedRow(where, decision, _outcomes(row, spec, rewarded))


def _kind(row: Mapping[str, Any]) -> PropensityKind:
    """What the propensity is; where the column is missing, it is a probability if there is a pmf."""
    given = row.get("propensity_kind") or ("probability" if row.get("pmf") is not None else "unknown")
    for kind in _KINDS:
        if kind == given:
            return kind
    raise ValueError(f"propensity_kind is '{given}'; expected {', '.join(_KINDS)} in a loop of discrete actions.")


def _context(value: Any, spec: LoopSpec) -> dict[str, Any]:
    """A context from JSON text or a struct; a struct's empty fields were not given."""
    if isinstance(value, dict):
        return context_of({name: entry for name, entry in value.items() if entry is not None}, spec)
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, TypeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"context is {str(value)[:80]!r}; expected a JSON object.")
    return context_of(found, spec)


def _action(value: Any) -> int | str:
    """An index or a label; of a list, its only entry."""
    action = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(action, bool) or not isinstance(action, int | str):
        raise ValueError(f"action is {str(value)[:80]}; expected an index, a list of one index, or a label.")
    return action


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _pmf(value: Any) -> list[float] | None:
    """The probabilities of the only part."""
    if value and isinstance(value[0], list):
        if len(value) != 1:
            raise ValueError(f"pmf has {len(value)} parts; expected one, as the loop's actions are discrete.")
        return list(value[0])
    return value or None


def _time(value: Any) -> str | None:
    """Microseconds, or a timestamp, as the wire writes times."""
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value is None else iso(int(value))


def _outcomes(row: Mapping[str, Any], spec: LoopSpec, rewarded: OutcomeSpec | None) -> dict[str, float | bool]:
    """What came of the decision: its outcomes by name, or its reward as one of them."""
    if rewarded is not None:
        reward = row.get("reward")
        if reward is None or row.get("is_rewarded") is False:
            return {}
        return {rewarded.name: outcome_value(rewarded, reward)}
    found = row.get("outcomes") or {}
    return {
        name: outcome_value(spec.outcomes[name], value) if name in spec.outcomes else value
        for name, value in found.items()
        if value is not None
    }
