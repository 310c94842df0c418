"""A history of episodes in one shape: the table that every importer of episodes makes, and that goes into the lake at once.

Question answered: what was known, done and seen at each step, in the loop's own names, whatever system it was logged by?
A row is a step. Rows of an episode stand together, in the order of their steps, which count on by one. What was seen of an
action (`outcomes`) stands in the row of that action, never in the next one. The context that an episode ended in is a row of
its own, one step later, with `action` and `action_value` null; where it is missing, nobody recorded it. An end stands in the
row of the last action. There is no reward here: the loop's expression makes it, from the same names.
"""

from __future__ import annotations

import pyarrow as pa

from policyloop.core.loop import Field, LoopSpec, OutcomeSpec

_PLAIN = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "category": pa.string(), "text": pa.string()}


def history_schema(spec: LoopSpec) -> pa.Schema:
    """The columns of a history of the loop; those that may be null may also be left out, but for action and action_value."""
    columns = [
        pa.field("episode_id", pa.string(), nullable=False),
        pa.field("step", pa.int64(), nullable=False),
        pa.field("context", pa.struct([_field(f) for f in fields_of_history(spec)]), nullable=False),
        pa.field("action", pa.list_(pa.int32())),  # places of labels, as in the tables
        pa.field("action_value", pa.list_(pa.float64())),
        pa.field("pmf", pa.list_(pa.list_(pa.float64()))),
        pa.field("propensity", pa.float64()),
        pa.field("propensity_kind", pa.string()),  # null: unknown
        pa.field("density", pa.string()),  # JSON
        pa.field("action_source", pa.string()),
        pa.field("terminated", pa.bool_(), nullable=False),
        pa.field("truncated", pa.bool_(), nullable=False),
        pa.field("decided_at", pa.int64()),  # microseconds since 1970 UTC; null: nobody knows
    ]
    if spec.outcomes:  # Arrow has no use for a struct of nothing
        columns.append(pa.field("outcomes", pa.struct([_outcome(o) for o in spec.outcomes.values()])))
    return pa.schema(columns)


def fields_of_history(spec: LoopSpec) -> list[Field]:
    """The fields of the context that a history tells: those that fit into a column."""
    return [field for field in spec.context.values() if field.type in _PLAIN or field.type == "tensor"]


def _field(field: Field) -> pa.Field:
    if field.type != "tensor":
        return pa.field(field.name, _PLAIN[field.type])
    kind = pa.uint8() if field.dtype == "uint8" else pa.float32()
    for _ in field.shape or ():
        kind = pa.list_(kind)
    return pa.field(field.name, kind)


def _outcome(outcome: OutcomeSpec) -> pa.Field:
    return pa.field(outcome.name, pa.float64())  # of a boolean 0 or 1; null: not reported
