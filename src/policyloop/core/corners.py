"""Corners of a spec: contexts and candidates with every field at its smallest, at its largest, and missing where it may be.

Question answered: where would a model break that works for what is usual? Gate and servers try each model here first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from policyloop.core.candidates import Candidates, candidates_of
from policyloop.core.example import Context
from policyloop.core.loop import ActionSpec, Field

_FAR = 1e9  # a number where the spec sets no bound
_ITEMS = 3  # of an array where the spec sets no limit
_MOST_VALUES = 20  # of one category
_NEVER_SEEN = "a value never seen"
# An object that no caller ever sent: every kind of value.
_STRANGE: Mapping[str, Any] = {
    "far": _FAR,
    "text": "words that were never seen",
    "truth": True,
    "list": [_FAR, -_FAR],
    "nested": {"nothing": None},
}
_N_STRANGE = 6  # values in it


def corner_contexts(fields: Mapping[str, Field]) -> list[Context]:
    """Three contexts, not checked yet: all fields at their smallest, at their largest, and missing where they may be."""
    smallest = {name: corner_values(field)[0] for name, field in fields.items()}
    largest = {name: corner_values(field)[-1] for name, field in fields.items()}
    missing = {name: None if fields[name].optional else value for name, value in smallest.items()}
    return [smallest, largest, missing]


def corner_candidates(actions: ActionSpec) -> Candidates:
    """A set of which each candidate is a corner, and one is known ahead where some are."""
    features = corner_contexts(actions.features)
    ids = [*actions.ids[:1], "a new one", "another new one", "a third new one"][: len(features)]
    return candidates_of(ids, features)


def corner_values(field: Field) -> list[Any]:  # noqa: PLR0911 - one for each type
    """Values that a field just takes, at least one: the smallest first, the largest last."""
    match field.type:
        case "number" | "integer":
            low, high = _bounds(field)
            return [math.ceil(low), math.floor(high)] if field.type == "integer" else [float(low), float(high)]
        case "boolean":
            return [False, True]
        case "category":
            values = field.values or ("", _NEVER_SEEN)
            return [*values[: _MOST_VALUES - 1], *values[_MOST_VALUES - 1 :][-1:]]
        case "text":
            return ["", "words that were never seen"]
        case "array":
            return [[], [_item_of(field)] * (_ITEMS if field.max_items is None else field.max_items)]
        case "tensor":
            return [_filled(field.shape or (), value) for value in (0, 255)]
        case "json":
            strange = {"far": _FAR}
            if field.max_fields is None or field.max_fields >= _N_STRANGE:
                strange = dict(_STRANGE)
            return [[], {}, *({name: value} for name, value in strange.items()), strange]


def _bounds(field: Field) -> tuple[float, float]:
    low = -_FAR if field.min is None else field.min
    high = max(_FAR, low) if field.max is None else field.max
    return min(low, high), high


def _filled(shape: tuple[int, ...], value: int) -> Any:
    """Nested lists of one number."""
    return value if not shape else [_filled(shape[1:], value)] * shape[0]


def _item_of(field: Field) -> Any:
    if field.items == "category":
        return field.values[-1] if field.values else _NEVER_SEEN
    return float(_bounds(field)[1])
