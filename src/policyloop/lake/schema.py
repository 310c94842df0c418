"""What the tables look like: the only place of Arrow schemas.

Times are microseconds since 1970 UTC as int64; `hour` is the UTC hour that a decision is filed under, such as
`2026-11-01T07`. Columns that nothing fills yet are here already, so that no migration follows when something does. A
nullable column that came later may be missing from a table on disk: it is read as null, and is there from the next write on.
Source: the semantics of docs/events.md, tables.
"""

from __future__ import annotations

import pyarrow as pa

DECISIONS = "decisions"
OUTCOMES = "outcomes"
EXAMPLES = "examples"
TRANSITIONS = "transitions"
ACTION_SETS = "action_sets"

UNKNOWN_HOUR = "unknown"  # where outcomes wait whose decision has not come


def _required(name: str, kind: pa.DataType) -> pa.Field:
    return pa.field(name, kind, nullable=False)


# The inner field is called `element`, as Delta calls it, so that schemas compare equal after a round trip.
def _list(of: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", of))


_TEXT = pa.string()
_TIME = pa.int64()
_PMF = _list(_list(pa.float64()))
_MIXTURE = _list(pa.struct([pa.field("policy", _TEXT), pa.field("share", pa.float64())]))

_DECISION_COLUMNS = [
    _required("loop", _TEXT),
    _required("hour", _TEXT),
    _required("decision_id", _TEXT),
    _required("decided_at", _TIME),
    pa.field("occurred_at", _TIME),
    _required("writer", _TEXT),
    _required("seq", pa.int64()),  # with `writer`, the record's identity
    _required("form", pa.int32()),
    _required("spec", _TEXT),
    _required("policy", _TEXT),
    pa.field("mixture", _MIXTURE),
    pa.field("side", _TEXT),
    _required("context", _TEXT),  # JSON, defaults filled in
    pa.field("actions", _TEXT),  # JSON or action-set hash; null: the spec's labels
    pa.field("mask", _list(pa.bool_())),  # null: every action was allowed
    _required("action", _list(pa.int32())),
    pa.field("action_value", _list(pa.float64())),
    pa.field("pmf", _PMF),  # one list per slot or discrete part
    pa.field("propensity", pa.float64()),  # null where an action other than the chosen was carried out
    _required("propensity_kind", _TEXT),
    pa.field("density", _TEXT),  # JSON: family and parameters
    pa.field("action_source", _TEXT),
    pa.field("action_value_estimate", pa.float64()),
    pa.field("baseline_action", pa.int32()),
    pa.field("shadow", _TEXT),  # JSON
    _required("split", pa.float64()),
    _required("draw_version", pa.int32()),
    pa.field("salt_id", _TEXT),
    _required("is_clamped", pa.bool_()),
    _required("is_fallback", pa.bool_()),
    _required("is_deferred", pa.bool_()),
    _required("is_conflict", pa.bool_()),
    pa.field("subject", _TEXT),
    pa.field("episode_id", _TEXT),
    pa.field("step", pa.int64()),
    pa.field("trace_id", _TEXT),
    pa.field("extra", _TEXT),  # JSON: keys of newer versions
]

_NOT_IN_EXAMPLES = ("extra", "trace_id")

DECISION_SCHEMA = pa.schema(_DECISION_COLUMNS)

OUTCOME_SCHEMA = pa.schema(  # one row per name
    [
        _required("loop", _TEXT),
        _required("hour", _TEXT),  # of the decision
        _required("outcome_id", _TEXT),
        _required("decision_id", _TEXT),
        _required("name", _TEXT),
        pa.field("value", pa.float64()),
        pa.field("slot", pa.int32()),
        _required("received_at", _TIME),
        pa.field("occurred_at", _TIME),
        pa.field("decided_at", _TIME),  # what the client says decide answered; stored, never trusted
        _required("final", pa.bool_()),
        pa.field("terminated", pa.bool_()),
        pa.field("truncated", pa.bool_()),
        pa.field("next_context", _TEXT),
        pa.field("executed", _TEXT),  # JSON: index or values
        _required("is_clamped", pa.bool_()),
        _required("writer", _TEXT),
        _required("seq", pa.int64()),
        _required("form", pa.int32()),
        pa.field("extra", _TEXT),
    ]
)

EXAMPLE_SCHEMA = pa.schema(
    [
        *(column for column in _DECISION_COLUMNS if column.name not in _NOT_IN_EXAMPLES),
        _required("reward", pa.float64()),
        _required("outcomes", pa.map_(_TEXT, pa.float64())),  # aggregated, the declared names that were seen
        _required("n_outcomes", pa.int32()),  # outcomes that count in the reward
        _required("n_late", pa.int32()),  # happened outside the window: not in the reward
        _required("n_duplicates", pa.int32()),  # repeated records of the decision and of its outcomes
        _required("is_rewarded", pa.bool_()),  # False: the reward is the default
        _required("is_clipped", pa.bool_()),
        _required("matured_at", _TIME),  # a pure value, not the moment of the join
        _required("version", pa.int32()),  # 1, 2, ... of this example; readers take the highest
    ]
)

TRANSITION_SCHEMA = pa.schema(
    [
        _required("loop", _TEXT),
        _required("hour", _TEXT),  # of the episode's first decision
        _required("episode_id", _TEXT),
        _required("step", pa.int64()),
        _required("decision_id", _TEXT),
        _required("context", _TEXT),
        pa.field("next_context", _TEXT),
        pa.field("state", _list(pa.float32())),
        pa.field("next_state", _list(pa.float32())),
        _required("action", _list(pa.int32())),
        pa.field("action_value", _list(pa.float64())),
        pa.field("pmf", _PMF),
        pa.field("propensity", pa.float64()),
        _required("propensity_kind", _TEXT),
        pa.field("action_source", _TEXT),
        _required("reward", pa.float64()),  # of this row's action
        _required("terminated", pa.bool_()),
        _required("truncated", pa.bool_()),
        _required("discount", pa.float64()),
        _required("split", pa.float64()),
        _required("policy", _TEXT),
        _required("spec", _TEXT),
    ]
)

ACTION_SET_SCHEMA = pa.schema(  # candidate sets, once each; decisions refer to them by hash
    [
        _required("loop", _TEXT),
        _required("set_hash", _TEXT),
        _required("actions", _TEXT),  # JSON
        _required("first_seen_at", _TIME),
    ]
)

SCHEMAS: dict[str, pa.Schema] = {
    DECISIONS: DECISION_SCHEMA,
    OUTCOMES: OUTCOME_SCHEMA,
    EXAMPLES: EXAMPLE_SCHEMA,
    TRANSITIONS: TRANSITION_SCHEMA,
    ACTION_SETS: ACTION_SET_SCHEMA,
}

PARTITIONS: dict[str, list[str]] = {name: ["loop", "hour"] for name in SCHEMAS} | {ACTION_SETS: ["loop"]}
