"""What one loop takes and gives, as JSON schema: its context, its actions, its outcomes.

Question answered: which body fits *this* loop? `openapi.py` writes each loop's own operations with these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyloop.core.loop import Field, LoopSpec, OutcomeSpec
from policyloop.core.spec_actions import has_any_features
from policyloop.core.wire import MAX_ID_CHARS
from policyloop.ingest.fields import MAX_CATEGORY_CHARS, MAX_TEXT_CHARS, described, max_items_of
from policyloop.ingest.tensors import tensor_schema

Schema = dict[str, Any]


def context_schema(spec: LoopSpec) -> Schema:
    """The object that goes in as `context`; fields in declared order, no others."""
    return _object(spec.context)


def _object(declared: Mapping[str, Field]) -> Schema:
    fields = declared.values()
    return {
        "type": "object",
        "properties": {field.name: _field(field) for field in fields},
        "required": [field.name for field in fields if field.default is None and not field.optional],
        "additionalProperties": False,
    }


def outcomes_schema(spec: LoopSpec) -> Schema:
    """The object that goes in as `outcomes`: the declared names; others are stored and warned about."""
    return {
        "type": "object",
        "properties": {outcome.name: _outcome(outcome) for outcome in spec.outcomes.values()},
        "additionalProperties": {
            "type": ["number", "boolean"],
            "description": "Not declared: stored, and no part of the reward.",
        },
    }


def actions_schema(spec: LoopSpec) -> Schema:
    """A label of the loop's actions, the id of a candidate, or values as JSON."""
    return {"type": "string", "enum": list(spec.labels)} if spec.labels else {"type": "string"}


def values_schema(spec: LoopSpec) -> Schema:
    """The object that comes back as `values`: the parts of an action that is numbers."""
    labels = {part.name: {"type": "string", "enum": list(part.labels)} for part in spec.actions.choices}
    numbers = {part.name: {"type": "number", "minimum": part.low, "maximum": part.high} for part in spec.actions.box}
    parts = {**labels, **numbers}
    return {"type": "object", "properties": parts, "required": list(parts), "additionalProperties": False}


def candidates_schema(spec: LoopSpec) -> Schema:
    """The list that goes in as `actions`."""
    is_any = has_any_features(spec.actions)
    features = {"type": "object"} if is_any else _object(spec.actions.features)
    item = {
        "type": "object",
        "properties": {"id": {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS}, "features": features},
        "required": ["id"] if is_any else ["id", "features"],
        "additionalProperties": False,
    }
    return {"type": "array", "items": item, "minItems": 1, "maxItems": spec.actions.max}


def typed(spec: LoopSpec, schema: Schema) -> Schema:
    """A request's or answer's schema with the loop's own parts in the place of `any object` and `any text`."""
    parts: Mapping[str, Schema] = {
        "context": context_schema(spec),
        "next_context": context_schema(spec),
        "outcomes": outcomes_schema(spec),
        "action": actions_schema(spec),
    }
    if spec.is_candidates:
        parts = {**parts, "actions": candidates_schema(spec)}
    if spec.has_box:
        values = values_schema(spec)
        either = {"anyOf": [values, {"type": "array", "items": {"type": ["number", "string"]}}]}
        parts = {**parts, "values": values, "previous": either, "executed": either}
    properties = {name: parts.get(name, given) for name, given in schema.get("properties", {}).items()}
    return {**schema, "title": f"{schema.get('title', '')} of {spec.loop}", "properties": properties}


def _field(field: Field) -> Schema:
    schema = {**_of_type(field), "description": described(field)}
    if field.optional:
        schema["type"] = [*(schema["type"] if isinstance(schema["type"], list) else [schema["type"]]), "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    if field.default is not None:
        schema["default"] = field.default
    return schema


def _of_type(field: Field) -> Schema:
    if field.type == "json":
        return {"type": ["object", "array"]}
    if field.type == "tensor":
        return tensor_schema(field)
    if field.type == "array":
        return {"type": "array", "items": _scalar(field.items or "category", field), "maxItems": max_items_of(field)}
    return _scalar(field.type, field)


def _scalar(kind: str, field: Field) -> Schema:
    if kind == "boolean":
        return {"type": "boolean"}
    if kind == "text":
        return {"type": "string", "maxLength": MAX_TEXT_CHARS}
    if kind == "category":
        return (
            {"type": "string", "enum": list(field.values)}
            if field.values
            else {"type": "string", "maxLength": MAX_CATEGORY_CHARS}
        )
    return {"type": kind, **_bounds(field.min, field.max)}


def _outcome(outcome: OutcomeSpec) -> Schema:
    if outcome.type == "boolean":
        return {"type": ["boolean", "number"], "description": f"true or false; several reports count by `{outcome.take}`"}
    return {"type": "number", **_bounds(outcome.min, outcome.max), "description": f"several reports count by `{outcome.take}`"}


def _bounds(low: float | None, high: float | None) -> Schema:
    found = {"minimum": low, "maximum": high}
    return {key: bound for key, bound in found.items() if bound is not None}
