"""Events become rows: columns of the tables from records of the log, one row a decision, one row an outcome's name.

Question answered: what does this event look like in its table?
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from policyloop.core.event import ActionSet, Decision, Logged, Outcome, unpack_floats
from policyloop.lake.schema import ACTION_SET_SCHEMA, DECISION_SCHEMA, OUTCOME_SCHEMA

NAMELESS = ""  # the name in the row of an outcome that names nothing


class Placed(NamedTuple):
    """An event, the record that it came in, and the hour that it is filed under."""

    event: Logged
    writer: str
    segment: int
    seq: int
    form: int
    hour: str


_AS_IT_IS = (  # columns of a decision that are the event's own values
    "loop",
    "decision_id",
    "decided_at",
    "occurred_at",
    "spec",
    "policy",
    "mixture",
    "side",
    "context",
    "actions",
    "mask",
    "action",
    "action_value",
    "propensity",
    "propensity_kind",
    "action_source",
    "action_value_estimate",
    "baseline_action",
    "shadow",
    "split",
    "draw_version",
    "salt_id",
    "is_clamped",
    "is_fallback",
    "is_deferred",
    "subject",
    "episode_id",
    "step",
    "trace_id",
)
_VALUES = attrgetter(*_AS_IT_IS)
_IDENTITY = attrgetter("hour", "writer", "seq", "form")


def decision_rows(placed: Sequence[Placed]) -> pa.Table:
    """Decisions as rows of the table `decisions`, in the order given."""
    events: list[Decision] = [p.event for p in placed]  # type: ignore[misc]
    columns: dict[str, Sequence[Any]] = dict(zip(_AS_IT_IS, _transposed(map(_VALUES, events), len(_AS_IT_IS)), strict=True))
    columns |= zip(("hour", "writer", "seq", "form"), _transposed(map(_IDENTITY, placed), 4), strict=True)
    columns["pmf"] = [None if e.pmf is None else [unpack_floats(part) for part in e.pmf] for e in events]
    columns["density"] = [_json(e.density) for e in events]
    columns["extra"] = [_json(e.extra) for e in events]
    columns["is_conflict"] = [False] * len(events)  # only the join can know
    return pa.table({name: columns[name] for name in DECISION_SCHEMA.names}, schema=DECISION_SCHEMA)


def outcome_rows(placed: Sequence[Placed]) -> pa.Table:
    """Outcomes as rows of the table `outcomes`, a row a name, in the order given.

    An outcome that names nothing (a bare `final`, say) becomes one row with an empty name, so that it is not lost.
    """
    rows = [_outcome_row(p, name, value) for p in placed for name, value in _named(p.event)]
    names = OUTCOME_SCHEMA.names
    return pa.table(dict(zip(names, _transposed(rows, len(names)), strict=True)), schema=OUTCOME_SCHEMA)


def action_set_rows(placed: Sequence[Placed]) -> pa.Table:
    """Sets of candidates as rows of the table `action_sets`; a set that several processes logged has several."""
    sets: list[ActionSet] = [p.event for p in placed]  # type: ignore[misc]
    columns = {
        "loop": [one.loop for one in sets],
        "set_hash": [one.digest for one in sets],
        "actions": [one.actions for one in sets],
        "first_seen_at": [one.received_at for one in sets],
    }
    return pa.table(columns, schema=ACTION_SET_SCHEMA)


def _outcome_row(placed: Placed, name: str, value: float | None) -> tuple[Any, ...]:
    """One row, in the order of the schema."""
    e = placed.event
    assert isinstance(e, Outcome)
    return (
        e.loop,
        placed.hour,
        e.outcome_id,
        e.decision_id,
        name,
        value,
        e.slot,
        e.received_at,
        e.occurred_at,
        e.decided_at,
        e.final,
        e.terminated,
        e.truncated,
        e.next_context,
        e.executed,
        e.is_clamped,
        placed.writer,
        placed.seq,
        placed.form,
        _json(e.extra),
    )


def _named(event: Logged) -> Iterable[tuple[str, float | None]]:
    assert isinstance(event, Outcome)
    return event.values.items() or ((NAMELESS, None),)


def _transposed(rows: Iterable[tuple[Any, ...]], width: int) -> Sequence[Sequence[Any]]:
    """Columns of rows; `width` empty columns when there is no row."""
    return list(zip(*rows, strict=True)) or [()] * width


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
